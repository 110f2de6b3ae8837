import { administrationRows } from './administration.js';
import { deviceRows } from './devices.js';
import { directoryRows } from './directory.js';
import { loginRows } from './logins.js';
import { base, type CatalogueRow, type Family, rows } from './row.js';
import { usageRows } from './usage.js';

export type { CatalogueRow, Family } from './row.js';

/*
 * One row per event type, from JumpCloud's own list and from types seen in its records. To add a type, add a row to
 * the file of its kind; types without one become Base Event under their own name, so none is lost meanwhile.
 *
 * Families: `login` is authentication. `admin` is the rest of the directory and of devices, and the services in
 * which administrators set things up: access_management, saas_app_management, asset_management, alerts, reports,
 * generic_di (risks and certificates), notifications, ai_admin, workflows. `other` is what people and devices do all day
 * in great numbers: password managers, MDM results, software changes, LDAP searches, storage, AI chats and sessions; and
 * every service that has no row here, such as one that JumpCloud has introduced since.
 */
export const allRows: readonly CatalogueRow[] = [
  ...loginRows,
  ...directoryRows,
  ...deviceRows,
  ...administrationRows,
  ...usageRows,
];

const byService = new Map<string, Map<string, CatalogueRow>>();
const byType = new Map<string, CatalogueRow | undefined>();
for (const row of allRows) {
  const types = byService.get(row.service) ?? new Map<string, CatalogueRow>();
  if (types.has(row.eventType)) throw new Error(`The catalogue has two rows for ${row.service} ${row.eventType}`);
  byService.set(row.service, types.set(row.eventType, row));
  byType.set(row.eventType, byType.has(row.eventType) ? undefined : row);
}
// One row per family, so that names from records never fill memory.
const [adminRow] = rows('', 'admin', { '*': base() });
const [loginRow] = rows('', 'login', { '*': base() });
const [otherRow] = rows('', 'other', { '*': base() });
for (const types of byService.values()) {
  const families = new Set(Array.from(types.values(), ({ family }) => family));
  const row = families.has('admin') ? adminRow : families.has('login') ? loginRow : otherRow;
  if (!types.has('*')) types.set('*', row!);
}

/** In place of a service: every service that the catalogue does not know. */
export const UNDOCUMENTED = '(other)';

/** The query value for a record's service: `ai-admin` is asked for as `ai_admin`, and `alert` as `alerts`. */
function queryService(service: string): string {
  if (byService.has(service)) return service;
  const name = service.toLowerCase().replaceAll('-', '_');
  return name === 'alert' ? 'alerts' : name;
}

/**
 * The row of an event type. A type without a row is an unknown Base Event of the first family that asks for its service: `admin`,
 * `login`, `other`; one of a service without any row is of the family `other`. A record that names no service is found by its type
 * where only one service has it, and is else of the family `admin`.
 */
export function classify(service: string, eventType: string): CatalogueRow {
  if (service === '') return byType.get(eventType) ?? adminRow!;
  const types = byService.get(service) ?? byService.get(queryService(service));
  return types?.get(eventType) ?? types?.get('*') ?? otherRow!;
}

/** The family that collects an event type. */
export function family(service: string, eventType: string): Family {
  return classify(service, eventType).family;
}

/** The `service` values to ask for, so that every type of these families comes; `other` is all the rest. */
export function servicesFor(families: Iterable<Family>): string[] {
  const wanted = new Set(families);
  const services = new Set(allRows.filter((row) => wanted.has(row.family)).map((row) => row.service));
  return wanted.has('other') ? [...services, UNDOCUMENTED] : [...services];
}

/** The `service` values that the catalogue knows. */
export function documentedServices(): string[] {
  return [...byService.keys()];
}

/** As what a record's service is asked for: its query value, or `UNDOCUMENTED`; what names none stays as it is. */
export function askedAs(service: string): string {
  const name = queryService(service);
  return name === '' || byService.has(name) ? name : UNDOCUMENTED;
}
