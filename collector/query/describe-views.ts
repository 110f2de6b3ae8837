import { allTables } from '../sinks/tables/table-catalog.js';
import { tablesOf, viewNames } from '../sinks/tables/views.js';
import { openTables } from './open-tables.js';

/** What a view holds. */
export interface ViewDescription {
  readonly name: string;
  readonly rows: bigint;
  /** First and last time of a row, RFC 3339; null where there is none. */
  readonly first: string | null;
  readonly last: string | null;
  readonly files: bigint;
  /** Of the files that it reads. */
  readonly bytes: bigint;
}

/**
 * What each view holds, from the tables' logs: no file is opened, but for those of dead letters, of which a view hides what
 * was replayed.
 * @throws CollectorError as `openTables`
 */
export async function describeViews(directory: string): Promise<ViewDescription[]> {
  const tables = await openTables(directory);
  try {
    let letters: unknown = 0n;
    for await (const row of (await tables.query('SELECT count(*) FROM dead_letters')).rows) [letters] = row;
    return viewNames.filter(isCounted).map((name) => {
      const files = tablesOf(name).flatMap((table) => tables.snapshot.get(table)?.files ?? []);
      const instant = (choose: (...times: number[]) => number, of: 'first' | 'last') => {
        const times = files.map((file) => file.times?.[of]).filter((time) => Number.isFinite(time)) as number[];
        return times.length === 0 ? null : instantText(times.reduce((a, b) => choose(a, b)));
      };
      const sum = (of: 'rows' | 'bytes') => BigInt(files.reduce((total, file) => total + file[of], 0));
      return {
        name,
        rows: name === 'dead_letters' ? (letters as bigint) : sum('rows'),
        first: instant(Math.min, 'first'),
        last: instant(Math.max, 'last'),
        files: BigInt(files.length),
        bytes: sum('bytes'),
      };
    });
  } finally {
    await tables.close();
  }
}

/** Views of the directory are made of the newest observations: the log does not count their rows. */
function isCounted(view: string): boolean {
  return view === 'events' || view === 'admin_activity' || allTables.some(({ name }) => name === view);
}

function instantText(time: number): string {
  return new Date(time).toISOString().replace('.000Z', 'Z');
}
