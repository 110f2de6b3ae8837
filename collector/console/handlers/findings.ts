import { investigateUser } from '../../diagnostics/investigate.js';
import { interactiveLimits } from '../../diagnostics/run-checks.js';
import { systemTiming } from '../../jumpcloud/http/abort.js';
import type { RootLog } from '../../log/logger.js';
import { clientLogger } from '../../monitoring/log-observer.js';
import { clientOf } from '../../runtime/assemble.js';
import type { Finding, FindingDetails, Json } from '../answers.js';
import { type Asked, callerOf, type Handlers } from '../handler.js';
import { refused } from '../problem.js';
import { objectsOf, type Statements } from '../statements.js';

export interface FindingParts {
  readonly statements: Statements;
  readonly log: RootLog;
}

/** Findings in a list; more are asked for on the query page. */
const MOST = 200;
const MOST_OF_PERSON = 200;

/** A status may carry the time of the occurrence that it is about: then the later one, or the one that goes further, counts. */
const LATER = 'time DESC, "count" DESC, metadata.logged_time DESC, status_id DESC';
/** Of the events of each finding the latest. */
const LATEST = `SELECT *, row_number() OVER (PARTITION BY coalesce(finding_info.uid, metadata.uid) ORDER BY ${LATER}) AS place FROM detection_finding`;
const SUMMARY = `strftime(time_dt, '%Y-%m-%dT%H:%M:%SZ') AS at, coalesce(finding_info.uid, metadata.uid) AS finding,
  coalesce(finding_info.title, message) AS title, severity, status, finding_info.analytic.name AS rule,
  coalesce(evidences[1].user.name, resources[1].name, resources[1].uid) AS about, account_name AS account, "count" AS occurrences`;

export function findingHandlers({ statements, log }: FindingParts): Pick<Handlers, 'findings' | 'finding'> {
  /** Runs statements over a feed's rows, for who asks: others may deliver into the same directory. */
  const open = (asked: Asked) => {
    const config = statements.tablesOf(asked.parameters.name!);
    const { directory } = config.tables;
    const rows = (sql: string, values: Readonly<Record<string, string | null>>, most: number) => {
      const parameters = Object.entries(values).map(([name, value]) => ({ name, type: 'text' as const, value }));
      return statements.rows(callerOf(asked), { sql, parameters, directory, feed: config.name }, most, asked.signal);
    };
    return { config, rows };
  };
  return {
    async findings(asked) {
      const sql = `SELECT ${SUMMARY} FROM (${LATEST}) WHERE place = 1 AND ($status IS NULL OR status = $status)
        AND ($severity IS NULL OR severity = $severity) ORDER BY time DESC`;
      const values = { status: asked.query.get('status'), severity: asked.query.get('severity') };
      const found = await open(asked).rows(sql, values, MOST);
      const findings = objectsOf(found) as unknown as Finding[];
      return { json: { findings, more: found.more, skippedFiles: found.skippedFiles } };
    },
    async finding(asked) {
      const { config, rows } = open(asked);
      const finding = asked.parameters.finding!;
      const sql = `WITH f AS (SELECT * FROM detection_finding WHERE finding_info.uid = $finding OR metadata.uid = $finding
        ORDER BY ${LATER} LIMIT 1)
        SELECT ${SUMMARY}, coalesce(evidences[1].user.uid, resources[1].uid) AS "user", to_json(f) AS event,
          (SELECT any_value(to_json(e)) FROM events e WHERE e.metadata.uid IN (
            SELECT unnest(d.finding_info.related_events).uid FROM detection_finding d
            WHERE d.finding_info.uid = (SELECT finding_info.uid FROM f))) AS evidence
        FROM f`;
      const [row] = objectsOf(await rows(sql, { finding }, 1));
      if (row === undefined)
        throw refused(404, 'NO_FINDING', 'The tables hold no such finding.', 'It may be older than what they keep.');
      const user = typeof row.user === 'string' ? row.user : null;
      const details = { ...row, user, event: parsed(row.event), evidence: parsed(row.evidence) } as unknown as Omit<
        FindingDetails,
        'person'
      >;
      if (user === null) return { json: { ...details, person: null } };
      const observer = clientLogger(log.child({ feed: config.name }));
      const client = clientOf(config, observer, systemTiming, interactiveLimits);
      try {
        const query = async (text: string) => {
          const answer = await rows(text, {}, MOST_OF_PERSON);
          return {
            columns: answer.columns,
            rows: (async function* () {
              yield* answer.rows;
            })(),
          };
        };
        const person = await investigateUser(user, client.directory, { query }, asked.signal);
        return { json: { ...details, person } };
      } finally {
        client.close();
      }
    },
  };
}

/** JSON columns come as their text or as what it holds. */
function parsed(value: Json | undefined): Json {
  return typeof value === 'string' ? (JSON.parse(value) as Json) : (value ?? null);
}
