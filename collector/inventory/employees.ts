import type { EmployeeMatch } from '../../mappings/inventory/employee-match.js';
import { isObject, type JsonObject, type JsonValue } from '../../mappings/json.js';
import { CollectorError } from '../errors.js';

/** Finds the employee of an account. */
export interface Employees {
  match(account: JsonObject): EmployeeMatch;
}

/** Without a list the account's own e-mail stands for the employee: one person in two organizations is one. */
export const byOwnEmail: Employees = {
  match({ email }) {
    const own = normalEmail(email);
    return { match: own === undefined ? 'none' : 'own_email', employee: own, matchedOn: own };
  },
};

/** Trimmed, composed (NFC) and in lower case; tags and dots stay, because they may be another person's. */
export function normalEmail(email: unknown): string | undefined {
  if (typeof email !== 'string') return undefined;
  const normal = email.trim().normalize('NFC').toLowerCase();
  return normal === '' ? undefined : normal;
}

/** Ids of the employees who have an e-mail or an identifier. */
type Index = Map<string, Set<string>>;

/**
 * Reads a list of employees: CSV with a head line, or a JSON array of objects, with `employee_id`, `email` and optionally
 * `aliases` (in CSV separated by `;`).
 * @throws CollectorError CONFIG_INVALID
 */
export function readEmployees(text: string, where: string): Employees {
  const emails: Index = new Map();
  const identifiers: Index = new Map();
  for (const row of /^\s*\[/.test(text) ? rowsOfJson(text, where) : rowsOfCsv(text)) {
    const id = scalar(row.employee_id);
    if (id === undefined) throw invalid(where, 'a row has no employee_id');
    add(identifiers, id, id);
    const aliases = typeof row.aliases === 'string' ? row.aliases.split(';') : row.aliases;
    for (const email of [row.email, ...(Array.isArray(aliases) ? aliases : [])]) {
      const normal = normalEmail(email);
      if (normal !== undefined) add(emails, normal, id);
    }
  }
  return {
    match(account) {
      const identifier = scalar(account.employeeIdentifier);
      if (identifier !== undefined && identifiers.has(identifier))
        return { match: 'identifier', employee: identifier, matchedOn: identifier };
      const own = find(emails, account.email, 'exact');
      return own ?? find(emails, account.alternateEmail, 'alternate') ?? none;
    },
  };
}

const none: EmployeeMatch = { match: 'none', employee: undefined, matchedOn: undefined };

/** Undefined where nobody has the e-mail; where several have it none is chosen. */
function find(emails: Index, email: unknown, match: 'exact' | 'alternate'): EmployeeMatch | undefined {
  const normal = normalEmail(email);
  const found = normal === undefined ? undefined : emails.get(normal);
  if (found === undefined) return undefined;
  if (found.size > 1) return { match: 'ambiguous', employee: undefined, matchedOn: normal };
  return { match, employee: [...found][0], matchedOn: normal };
}

function add(index: Index, key: string, id: string): void {
  index.set(key, (index.get(key) ?? new Set()).add(id));
}

function scalar(value: JsonValue | undefined): string | undefined {
  const text = typeof value === 'number' ? String(value) : value;
  return typeof text === 'string' && text.trim() !== '' ? text.trim() : undefined;
}

function rowsOfJson(text: string, where: string): JsonObject[] {
  let value: JsonValue;
  try {
    value = JSON.parse(text) as JsonValue;
  } catch {
    throw invalid(where, 'it is not JSON');
  }
  if (!Array.isArray(value) || !value.every(isObject)) throw invalid(where, 'it is not a list of objects');
  return value as JsonObject[];
}

function rowsOfCsv(text: string): JsonObject[] {
  const [head = [], ...lines] = text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .filter((line) => line.trim() !== '')
    .map(cells);
  return lines.map((line) => Object.fromEntries(head.map((name, at) => [name.trim().toLowerCase(), line[at] ?? ''])));
}

/** The cells of a line, as RFC 4180 quotes them. */
function cells(line: string): string[] {
  return [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(
    ([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? '',
  );
}

function invalid(where: string, why: string): CollectorError {
  return new CollectorError('CONFIG_INVALID', `The list of employees ${where} cannot be used: ${why}.`, {
    cure: 'Give CSV with the columns employee_id, email and aliases, or a JSON list of objects with these members.',
  });
}
