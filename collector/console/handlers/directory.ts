import type { DirectoryEntry, DirectoryRelation } from '../answers.js';
import { type Asked, callerOf, type Handlers } from '../handler.js';
import { refused } from '../problem.js';
import { objectsOf, type Statements } from '../statements.js';
import { graphMl } from './graphml.js';

type DirectoryOperation = 'directory' | 'directoryEntry' | 'directoryGraph';

/** Entries in a list; of more, a search finds the one that is meant. */
const MOST = 500;
const MOST_RELATIONS = 2_000;

const instant = (column: string) => `strftime(${column}, '%Y-%m-%dT%H:%M:%SZ')`;
const common = `account_name AS account, ${instant('first_seen')} AS since`;

/** What the directory holds of a feed, each kind with its own columns. */
const ENTRIES = `
  SELECT 'user' AS kind, id, username AS name, email, CASE WHEN suspended THEN 'SUSPENDED' ELSE state END AS state, locked, mfa,
    department, administrator_id, ${common} FROM users WHERE feed = $feed
  UNION ALL BY NAME
  SELECT 'administrator' AS kind, id, email AS name, email, CASE WHEN suspended THEN 'SUSPENDED' END AS state, mfa, role, ${common}
  FROM administrators WHERE feed = $feed
  UNION ALL BY NAME
  SELECT 'group' AS kind, id, name, description, membership_method AS method, ${common} FROM groups WHERE feed = $feed
  UNION ALL BY NAME SELECT 'role' AS kind, id, name, ${common} FROM roles WHERE feed = $feed
  UNION ALL BY NAME SELECT 'application' AS kind, id, name, ${common} FROM applications WHERE feed = $feed`;

/** Relationships as they are, and as they were in intervals. */
const edges = (history: string, times: string) =>
  [
    ['group', 'memberships'],
    ['application', 'assignments'],
    ['role', 'role_holders'],
  ]
    .map(
      ([from, view]) =>
        `SELECT '${from}' AS from_type, from_id, to_type, to_id, via, ${times} FROM ${view}${history} WHERE feed = $feed`,
    )
    .join(' UNION ALL ');

const RELATIONS = `
  WITH now_ AS (${edges('', 'first_seen AS since, NULL::TIMESTAMPTZ AS ended')}),
    past AS (
      SELECT from_type, from_id, to_type, to_id, any_value(via) AS via, min(valid_from) AS since, max(valid_to) AS ended
      FROM (${edges('_history', 'valid_from, valid_to')}) WHERE from_id = $id OR to_id = $id
      GROUP BY ALL HAVING count(*) = count(valid_to)),
    all_ AS (SELECT * FROM now_ WHERE from_id = $id OR to_id = $id UNION ALL BY NAME SELECT * FROM past),
    named AS (SELECT kind, id, name FROM (${ENTRIES}))
  SELECT CASE WHEN from_id = $id THEN 'to' ELSE 'from' END AS direction,
    CASE WHEN from_id = $id THEN to_type ELSE from_type END AS kind, CASE WHEN from_id = $id THEN to_id ELSE from_id END AS id,
    named.name AS name, via, ${instant('since')} AS since, ${instant('ended')} AS ended
  FROM all_ LEFT JOIN named ON named.kind = (CASE WHEN from_id = $id THEN to_type ELSE from_type END)
    AND named.id = (CASE WHEN from_id = $id THEN to_id ELSE from_id END)
  ORDER BY ended IS NOT NULL, kind, name, id`;

/** Nodes first: an edge of GraphML names nodes by their ids. */
const GRAPH = `
  SELECT * FROM (
    SELECT 1 AS part, kind, id, name, account, NULL AS to_kind, NULL AS to_id, since FROM (${ENTRIES})
    UNION ALL BY NAME
    SELECT 2 AS part, from_type AS kind, from_id AS id, to_type AS to_kind, to_id, ${instant('since')} AS since
    FROM (${edges('', 'first_seen AS since')}))
  ORDER BY part, kind, id, to_kind, to_id`;

export function directoryHandlers(statements: Statements): Pick<Handlers, DirectoryOperation> {
  const open = (asked: Asked) => {
    const feed = asked.parameters.name!;
    const { directory } = statements.tablesOf(feed).tables;
    const of = (sql: string, values: Readonly<Record<string, string | null>> = {}) => ({
      sql,
      parameters: Object.entries({ feed, ...values }).map(([name, value]) => ({ name, type: 'text' as const, value })),
      directory,
    });
    const rows = (sql: string, values: Readonly<Record<string, string | null>>, most: number) =>
      statements.rows(callerOf(asked), of(sql, values), most, asked.signal);
    return { feed, of, rows };
  };
  return {
    async directory(asked) {
      const sql = `SELECT * FROM (${ENTRIES}) WHERE list_contains(string_split($kinds, ','), kind) AND ($q IS NULL
        OR contains(lower(concat_ws(' ', name, email, id, department, description, role)), lower($q))) ORDER BY lower(name), kind, id`;
      const values = { kinds: asked.query.get('kinds') ?? 'user,administrator', q: asked.query.get('q') };
      const found = await open(asked).rows(sql, values, MOST);
      const entries = objectsOf(found) as unknown as DirectoryEntry[];
      return { json: { entries, more: found.more, skippedFiles: found.skippedFiles } };
    },
    async directoryEntry(asked) {
      const { rows } = open(asked);
      const { kind = '', id = '' } = asked.parameters;
      const [entry] = objectsOf(
        await rows(`SELECT * FROM (${ENTRIES}) WHERE kind = $kind AND id = $id`, { kind, id }, 1),
      );
      if (entry === undefined)
        throw refused(404, 'NO_ENTRY', 'The directory holds no such entry now.', 'See the views named …_history.');
      const found = await rows(RELATIONS, { id }, MOST_RELATIONS);
      const relations = objectsOf(found) as unknown as DirectoryRelation[];
      return {
        json: {
          entry: entry as unknown as DirectoryEntry,
          relations,
          more: found.more,
          skippedFiles: found.skippedFiles,
        },
      };
    },
    async directoryGraph(asked) {
      const { feed, of } = open(asked);
      const one = statements.begin(callerOf(asked), asked.signal);
      const lines = statements.lines(one, { ...of(GRAPH), format: 'ndjson' }, Number.POSITIVE_INFINITY, asked.signal);
      return {
        text: graphMl(lines),
        type: 'application/graphml+xml; charset=utf-8',
        headers: { 'content-disposition': `attachment; filename="${feed}.graphml"` },
      };
    },
  };
}
