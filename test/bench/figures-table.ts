/** What a bench prints, a JSON line: its name and its figures. */
export type Figures = Readonly<Record<string, unknown>> & { readonly bench: string };

/** What is measured where: README's table is made of it. */
export interface Measured {
  /** Processors and Node.js version. */
  readonly machine: string;
  readonly figures: readonly Figures[];
}

interface Row {
  readonly bench: string;
  readonly says: (figures: never) => readonly [what: string, measured: string, goal: string];
}

const count = (value: number) => value.toLocaleString('en-US');
const ratio = (value: number, goal: number) => [value.toFixed(2), `at least ${goal}`] as const;
const most = (value: number, goal: number, unit: string) =>
  [`${count(value)} ${unit}`, `at most ${count(goal)} ${unit}`] as const;

interface Collected {
  readonly records: number;
  readonly recordsPerSecond: number;
  readonly ratioToMap: number;
  readonly peakResidentMiB: number;
}
interface Asked {
  readonly ms: number;
  readonly mostMs: number;
}

const rows: readonly Row[] = [
  {
    bench: 'mapping',
    says: ({ recordsPerSecond }: { recordsPerSecond: number }) => [
      'mapping, validation and redaction: events per second of one core',
      count(recordsPerSecond),
      '',
    ],
  },
  {
    bench: 'mapping',
    says: ({ ratioToFloor }: { ratioToFloor: number }) => [
      'of `JSON.parse` and `JSON.stringify` of the same bytes',
      ...ratio(ratioToFloor, 0.5),
    ],
  },
  ...(
    [
      ['stdout', 0.6],
      ['tables', 0.4],
      ['kafka', 0.5],
    ] as const
  ).map(
    ([bench, goal]): Row => ({
      bench,
      says: ({ ratioToMap, recordsPerSecond }: Collected) => [
        `tenant → ${bench}: records per second of processor time, of \`map\` alone (${count(recordsPerSecond)} per second)`,
        ...ratio(ratioToMap, goal),
      ],
    }),
  ),
  {
    bench: 'kafka',
    says: ({ ratioToBareKafkajs }: { ratioToBareKafkajs: number }) => [
      'tenant → kafka, of bare kafkajs transactions of finished events',
      ...ratio(ratioToBareKafkajs, 0.75),
    ],
  },
  {
    bench: 'tables',
    says: ({ records, peakResidentMiB }: Collected) => [
      `peak resident memory, ${count(records)} records into tables`,
      ...most(peakResidentMiB, 256, 'MiB'),
    ],
  },
  {
    bench: 'feeds',
    says: (figures: { feeds: number; peakResidentMiB: number }) => [
      `peak resident memory, ${count(figures.feeds)} feeds that catch up with a day at once`,
      ...most(figures.peakResidentMiB, 250, 'MiB'),
    ],
  },
  {
    bench: 'feeds',
    says: (figures: { feeds: number; minutes: number; files: number; shareOfACore: number }) => [
      `${count(figures.feeds)} feeds, polled each minute: ${figures.minutes} minutes, the first merges of their ${count(figures.files)} files among them`,
      `${(figures.shareOfACore * 100).toFixed(1)} % of a core`,
      'at most 3 %',
    ],
  },
  ...(['all', 'day'] as const).map(
    (span): Row => ({
      bench: 'query',
      says: ({ rows: events, [span]: asked }: { rows: number } & Record<string, Asked | number>) => [
        `a grouped count over ${span === 'all' ? 'all' : 'one day'} of ${count(events)} rows, above \`SELECT 1\``,
        ...most((asked as Asked).ms, (asked as Asked).mostMs, 'ms'),
      ],
    }),
  ),
  {
    bench: 'query',
    says: ({ sizeOfOneFile }: { sizeOfOneFile: number }) => [
      'size of the tables, of the same rows in one Parquet file per table',
      sizeOfOneFile.toFixed(2),
      'at most 1.3',
    ],
  },
  {
    bench: 'questions',
    says: (figures: { rows: number; questions: Record<string, number> }) => [
      `the slowest of ${Object.keys(figures.questions).length} ready questions, ${count(figures.rows)} rows of a year`,
      ...most(Math.max(...Object.values(figures.questions)), 3_000, 'ms'),
    ],
  },
  {
    bench: 'questions',
    says: ({ lastDay }: { lastDay: number }) => ['failures of the last 24 hours of them', ...most(lastDay, 500, 'ms')],
  },
  {
    bench: 'merge',
    says: (figures: { rows: number; peakMiB: number }) => [
      `peak resident memory of a merge of a day with ${count(figures.rows)} events of 4 kB`,
      ...most(figures.peakMiB, 448, 'MiB'),
    ],
  },
];

const BEGIN = '<!-- figures: npm run bench -- --write -->';
const END = '<!-- /figures -->';

/** The table of what was measured; rows of benches that were not run are not there. */
export function figuresTable({ machine, figures }: Measured): string {
  const lines = rows.flatMap(({ bench, says }) => {
    const found = figures.find((one) => one.bench === bench);
    return found === undefined ? [] : [`| ${says(found as never).join(' | ')} |`];
  });
  return [BEGIN, '', `| ${machine} | measured | goal |`, '|---|---|---|', ...lines, '', END].join('\n');
}

/**
 * A document with the table in place of the one it has.
 * @throws Error where it has none
 */
export function withTable(document: string, table: string): string {
  const [before, rest] = document.split(BEGIN);
  const after = rest?.split(END)[1];
  if (before === undefined || after === undefined) throw new Error(`no ${BEGIN} … ${END} in the document`);
  return `${before}${table}${after}`;
}
