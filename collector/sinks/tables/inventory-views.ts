import { quoteName, quoteText } from './columns.js';
import { entityTable } from './table-catalog.js';

/** A column of an inventory's view: its name, and the expression over a row of entities. */
type InventoryColumn = readonly [name: string, expression: string];

const inValue = (path: string) => `value->>${quoteText(`$.${path}`)}`;
const text = (name: string, path: string): InventoryColumn => [name, `(${inValue(path)})`];
const flag = (name: string, path: string): InventoryColumn => [name, `(${inValue(path)})::BOOLEAN`];
/** A part of the key, the last one by -1. A row's newest state is found by the key, so a filter on it leaves few rows to find it of. */
const part = (name: string, index: number): InventoryColumn => [name, `split_part(key, '/', ${index})`];
const edge = [part('from_id', 2), text('to_type', 'to.type'), part('to_id', -1), text('via', 'via')];
const profile = [
  text('email', 'attributes.email'),
  text('first_name', 'attributes.firstname'),
  text('last_name', 'attributes.lastname'),
];

/** What each view shows: entities of one type. */
const views: Readonly<Record<string, { readonly type: string; readonly columns: readonly InventoryColumn[] }>> = {
  users: {
    type: 'user',
    columns: [
      text('id', 'id'),
      text('username', 'attributes.username'),
      ...profile,
      text('state', 'attributes.state'),
      flag('suspended', 'attributes.suspended'),
      flag('locked', 'attributes.account_locked'),
      flag('mfa', 'attributes.mfa.configured'),
      flag('password_expired', 'attributes.password_expired'),
      text('department', 'attributes.department'),
      text('job_title', 'attributes.jobTitle'),
      text('employee_identifier', 'attributes.employeeIdentifier'),
      text('manager_id', 'attributes.manager.id'),
      text('administrator_id', 'attributes.admin.id'),
    ],
  },
  // Administrators have no profile attributes by design: no department, no job title, no manager.
  administrators: {
    type: 'administrator',
    columns: [
      text('id', 'id'),
      ...profile,
      text('role', 'attributes.roleName'),
      flag('suspended', 'attributes.suspended'),
      flag('mfa', 'attributes.totpEnrolled'),
      flag('api_key', 'attributes.apiKeySet'),
    ],
  },
  groups: {
    type: 'group',
    columns: [
      text('id', 'id'),
      text('name', 'name'),
      text('description', 'attributes.description'),
      text('membership_method', 'attributes.membershipMethod'),
      flag('sudo', 'attributes.attributes.sudo.enabled'),
    ],
  },
  applications: {
    type: 'application',
    columns: [
      text('id', 'id'),
      text('name', 'name'),
      text('sso_type', 'attributes.sso.type'),
      flag('active', 'attributes.active'),
    ],
  },
  roles: {
    type: 'role',
    columns: [text('id', 'id'), text('name', 'name'), flag('custom', 'attributes.isCustom')],
  },
  memberships: { type: 'membership', columns: [...edge, flag('endpoints_known', 'endpoints_known')] },
  assignments: { type: 'assignment', columns: [...edge, flag('endpoints_known', 'endpoints_known')] },
  role_holders: { type: 'role_holder', columns: edge },
  people: {
    type: 'person',
    columns: [
      text('kind', 'kind'),
      text('id', 'id'),
      text('name', 'name'),
      text('email', 'email'),
      text('employee', 'employee'),
      text('employee_match', 'match'),
      text('link', 'link'),
      text('user_id', 'user'),
      text('administrator_id', 'administrator'),
    ],
  },
};

const HISTORY = '_history';

/** Names of the views of an inventory: each kind as it is now, and with `_history` in intervals. */
export const inventoryViewNames: readonly string[] = Object.keys(views).flatMap((name) => [name, `${name}${HISTORY}`]);

/**
 * The rows of an inventory's view, out of the view of entities; undefined for a view of another kind. A history has one row
 * per interval, `valid_from` to `valid_to` (open where it still holds); as of a moment m: `valid_from <= m AND (valid_to IS
 * NULL OR valid_to > m)`.
 */
export function inventorySelect(view: string): string | undefined {
  const isHistory = view.endsWith(HISTORY);
  const found = views[isHistory ? view.slice(0, -HISTORY.length) : view];
  if (found === undefined) return undefined;
  const columns = [
    'feed',
    `coalesce(value->>'$.account_name', value->>'$.org') AS account_name`,
    `value->>'$.org' AS org`,
    ...found.columns.map(([name, expression]) => `${expression} AS ${quoteName(name)}`),
    `to_timestamp((value->>'$.first_seen')::BIGINT / 1000) AS first_seen`,
  ];
  const observed = `SELECT *, lead("time") OVER (PARTITION BY feed, key ORDER BY "time") AS ends FROM ${quoteName(entityTable.name)} WHERE type = ${quoteText(found.type)}`;
  const moment = (column: string, name: string) => `to_timestamp(${column} / 1000) AS ${name}`;
  const times = isHistory
    ? [moment('"time"', 'valid_from'), moment('ends', 'valid_to')]
    : [moment('"time"', 'changed')];
  const which = isHistory ? 'NOT deleted' : 'NOT deleted AND ends IS NULL';
  return `SELECT ${[...columns, ...times].join(', ')} FROM (${observed}) WHERE ${which}`;
}
