import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Registry } from 'prom-client';
import { errorCodes, exitCodes } from '../../collector/errors.js';
import { createMetrics } from '../../collector/monitoring/metrics.js';
import { packageRoot, readFixtureRecords } from '../../fixtures/records.js';

const run = promisify(execFile);
const root = packageRoot();
/** Where the stored copies are. */
export const storedSurface = join(root, 'test', 'compat', 'public');

/** By flag, its type, whether it is required, its choices and its default, as yargs prints them. */
type Options = Record<string, string>;

/** What a help text went to, by the words before `--help`. */
export type Helps = ReadonlyMap<string, { readonly stdout: string; readonly stderr: string }>;

/** What users rely on, by the name of the stored copy's file. Wording is left out. */
export async function readPublicSurface(helps: Helps): Promise<Record<string, unknown>> {
  return {
    'config-schema.json': withoutWording(JSON.parse((await command('config', 'schema')).stdout)),
    'status-schema.json': withoutWording(JSON.parse(readFileSync(join(root, 'schemas', 'status.json'), 'utf8'))),
    'flags.json': flagsIn(helps),
    'metrics.json': readMetrics(),
    'exit-codes.json': { exitCodes, errorCodes },
    'events.json': hashEvents(),
  };
}

/** As it is stored. */
export function surfaceText(part: unknown): string {
  return `${JSON.stringify(part, null, 2)}\n`;
}

/** @throws where it ends with another code than 0 */
async function command(...args: string[]): Promise<{ stdout: string; stderr: string }> {
  return await run(process.execPath, [join(root, 'dist', 'collector', 'cli.js'), ...args]);
}

/** The help of the command and of every verb that it names. Needs `npm run build`. @throws where one ends with another code than 0 */
export async function readHelps(): Promise<Helps> {
  const helps = new Map<string, { stdout: string; stderr: string }>();
  const left: string[][] = [[]];
  for (let verb = left.shift(); verb !== undefined; verb = left.shift()) {
    const help = await command(...verb, '--help');
    helps.set(verb.join(' '), help);
    left.push(...verbsIn(help.stdout, verb));
  }
  return helps;
}

function withoutWording(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withoutWording);
  if (typeof schema !== 'object' || schema === null) return schema;
  const isWording = (name: string, value: unknown) =>
    typeof value === 'string' && ['title', 'description', 'x-form'].includes(name);
  const kept = Object.entries(schema).filter(([name, value]) => !isWording(name, value));
  return Object.fromEntries(kept.map(([name, value]) => [name, withoutWording(value)]));
}

/** The options of every verb; those of the configuration once, under `config print`. */
function flagsIn(helps: Helps): Record<string, { configuration: boolean; options: Options }> {
  const all = new Map([...helps].map(([verb, { stdout }]) => [verb, optionsIn(stdout)]));
  const configuration = Object.entries(all.get('config print') ?? {});
  return Object.fromEntries(
    [...all].sort().map(([verb, options]) => {
      const configured = verb !== 'config print' && configuration.every(([name, option]) => options[name] === option);
      const own = Object.entries(options).filter(([name]) => !configured || !configuration.some(([of]) => of === name));
      return [verb, { configuration: configured, options: Object.fromEntries(own.sort()) }];
    }),
  );
}

/** The verbs that a help text lists after `jumpcloud-ocsf` and the words before them. */
function verbsIn(help: string, before: readonly string[]): string[][] {
  const listed = help
    .split('Examples:')[0]!
    .matchAll(new RegExp(`^ +${['jumpcloud-ocsf', ...before].join(' ')} ([a-z][a-z-]*)(?= |$)`, 'gm'));
  return [...new Set([...listed].map(([, verb]) => verb!))].map((verb) => [...before, verb]);
}

/** Options and positionals of a help text: each begins a line, and what goes on is further in. */
function optionsIn(help: string): Options {
  const options: Options = {};
  let section = '';
  let name: string | undefined;
  for (const line of help.split('\n')) {
    if (/^\S/.test(line)) {
      section = line;
      name = undefined;
    }
    const pattern = section === 'Positionals:' ? /^ {2}(\w+) / : /^ {2}(?:-\w, | {4})(--[a-z-]+)(?= |$)/;
    const [begins, begun] = section === 'Examples:' || section === 'Commands:' ? [] : (pattern.exec(line) ?? []);
    if (begun !== undefined) name = begun;
    if (name !== undefined) options[name] = `${options[name] ?? ''} ${line.slice(begins?.length ?? 0).trim()}`;
  }
  const facts = /\[(?:string|number|boolean|array|count|required|default: [^\]]*|choices: [^\]]*)\]/g;
  return Object.fromEntries(Object.entries(options).map(([of, text]) => [of, (text.match(facts) ?? []).join(' ')]));
}

/** Every metric that is registered, with its type, the names of its labels and, of histograms, its buckets. */
function readMetrics(): Record<string, unknown> {
  const registered: Record<string, unknown>[] = [];
  const { registerMetric } = Registry.prototype;
  Registry.prototype.registerMetric = (metric) => void registered.push(metric as unknown as Record<string, unknown>);
  try {
    createMetrics({ version: '1.2.3' });
  } finally {
    Registry.prototype.registerMetric = registerMetric;
  }
  const rows = registered.map((metric) => [
    String(metric.name),
    { type: metric.constructor.name.toLowerCase(), labels: metric.labelNames, buckets: metric.upperBounds },
  ]);
  return Object.fromEntries(rows.sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)));
}

/** By class, the SHA-256 of the events that the fixture records are to become, in the order of their keys. */
function hashEvents(): Record<string, { events: number; sha256: string }> {
  const classes = new Map<string, string[]>();
  for (const { key, path } of readFixtureRecords()) {
    const text = readFileSync(path.replace('.record.json', '.event.json'), 'utf8');
    const { class_name: name } = JSON.parse(text) as { class_name: string };
    classes.set(name, [...(classes.get(name) ?? []), `${key}\n${text}`]);
  }
  return Object.fromEntries(
    [...classes].sort().map(([name, texts]) => {
      const sha256 = createHash('sha256').update(texts.join('')).digest('hex');
      return [name, { events: texts.length, sha256 }];
    }),
  );
}
