import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { folder } from '../cli/command.js';
import { consoleOverTenant, put, until } from './console-over-tenant.js';

const SOURCES = fileURLToPath(new URL('../../collector/', import.meta.url));

/** The programs that the product starts besides itself, by the files that can start one. */
function childPrograms(): string[] {
  const starters = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.tsx?$/.test(name))
    .map((name) => readFileSync(join(SOURCES, name), 'utf8'))
    .filter((text) => /'(?:node:)?(?:child_process|worker_threads|cluster)'/.test(text));
  const programs = starters.map((text) => /new URL\('\.\/([\w-]+\.js)', import\.meta\.url\)/.exec(text)?.[1]);
  expect(programs, 'each names the one program that it starts').not.toContain(undefined);
  return programs as string[];
}

/**
 * What every process loads first: it tries to make code of text, and notes what came of it. In the collector, a clock that
 * jumps once a file is there: tables are maintained every few minutes.
 */
const preload = (notes: string, jump: string) =>
  `--import=data:text/javascript,${encodeURIComponent(`
    import { appendFileSync, existsSync } from 'node:fs';
    let outcome = 'made';
    try {
      new Function('return 1');
    } catch (error) {
      outcome = error.name;
    }
    const program = process.argv[1];
    appendFileSync(${JSON.stringify(notes)}, JSON.stringify({ program, outcome }) + '\\n');
    if (program.endsWith('/cli.js')) {
      const now = performance.now.bind(performance);
      performance.now = () => now() + (existsSync(${JSON.stringify(jump)}) ? 3_600_000 : 0);
    }
  `)}`;

it('S17: no process of a run with console, queries, maintenance and a lock to be proven makes code of text', async () => {
  const own = folder();
  const [notes, jump] = [join(own, 'notes'), join(own, 'jump')];
  const noted = () =>
    (existsSync(notes) ? readFileSync(notes, 'utf8') : '')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as { program: string; outcome: string })
      .map(({ program, outcome }) => `${basename(program)}: ${outcome}`);
  const { admin, tenant, document } = await consoleOverTenant({ built: true, nodeFlags: [preload(notes, jump)] });
  await put(admin, document('acme'));
  const connected = async () => (await admin.get('/feeds/acme/status')).json.state.code;
  await until(connected, (code) => code === 'connected');
  const asked = await admin.send('POST', '/queries', { feed: 'acme', sql: 'SELECT count(*) AS events FROM events' });
  expect(asked.text).toContain('"error":null');
  writeFileSync(jump, '');
  tenant.add({ service: 'directory', event_type: 'user_create' });
  await until(
    async () => noted(),
    (all) => all.some((one) => one.startsWith('maintenance-process')),
  );
  const all = ['cli.js', ...childPrograms()].map((program) => `${program}: EvalError`);
  expect([...new Set(noted())].sort()).toEqual(all.sort());
});
