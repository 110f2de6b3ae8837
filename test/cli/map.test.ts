import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { mapRecords } from '../../collector/commands/map.js';
import { readFixtureRecords } from '../../fixtures/records.js';
import { hasValidator, validate } from '../mappings/validator.js';
import { cli, command, type Ended, folder, jsonLines } from './command.js';

const samples =
  process.env.SAMPLE_RECORDS ?? fileURLToPath(new URL('../../../shared/samples/records.ndjson', import.meta.url));

const login = (more: object = {}) => ({
  id: '64b000000000000000000001',
  service: 'directory',
  event_type: 'user_login_attempt',
  organization: '5f1e00000000000000000001',
  timestamp: '2026-11-03T12:00:00.5Z',
  initiated_by: { type: 'user', username: 'noor.example' },
  success: true,
  ...more,
});

/** What the command does with its own streams, in this process. */
async function mapped(
  input: string,
  options: { readonly deadLettersFile?: string; readonly rawData?: boolean } = {},
): Promise<Pick<Ended, 'code' | 'stdout' | 'stderr'>> {
  const output = new PassThrough();
  const stdout = text(output);
  let stderr = '';
  const report = (line: string) => {
    stderr += `${line}\n`;
  };
  const more = { deadLettersFile: undefined, rawData: true, ...options, report };
  const code = await mapRecords(Readable.from([Buffer.from(input)]), output, more);
  output.end();
  return { code, stdout: await stdout, stderr };
}

const uidOf = (event: Record<string, unknown>) => (event.metadata as Record<string, unknown>).uid;
const originalOf = (event: Record<string, unknown>) => (event.metadata as Record<string, unknown>).original_event_uid;

it('events come in the order of the records, dead letters go to a file that only its owner reads, and the exit code is 65', async () => {
  const cwd = folder();
  const file = join(cwd, 'dead.ndjson');
  writeFileSync(file, 'left from before', { mode: 0o644 });
  const ids = Array.from({ length: 500 }, (_, number) => `64b0000000000000000${10_000 + number}`);
  const records = ids.map((id) => JSON.stringify(login({ id })));
  const lines = [...records.slice(0, 250), 'not JSON', '{"id": 1', '[1, 2]', 'null', '"text"', ...records.slice(250)];
  const { code, stdout, stderr } = await command(['map', '--dead-letters', file], {
    cwd,
    input: `${lines.join('\n')}\n`,
  });
  expect(code).toBe(65);
  expect(jsonLines(stdout).map(originalOf)).toEqual(ids);
  const dead = jsonLines(readFileSync(file, 'utf8'));
  expect(dead.map(({ raw }) => raw)).toEqual(['"not JSON"', JSON.stringify('{"id": 1'), '[1, 2]', 'null', '"text"']);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(stderr).toMatch(/^dead letters: 5 \w+\n$/);
});

it('without --dead-letters they are counted, with the way to keep them', async () => {
  const { code, stdout, stderr } = await command(['map'], { input: 'nonsense\n' });
  expect({ code, stdout }).toEqual({ code: 65, stdout: '' });
  expect(stderr).toContain('keep them with --dead-letters FILE');
});

it('records without an id are distinguished by their occurrence, the same way each time', async () => {
  const { id: _, ...anonymous } = login();
  const line = JSON.stringify(anonymous);
  const other = JSON.stringify({ ...anonymous, success: false });
  const input = `${[line, line, other, line].join('\n')}\n`;
  const uids = async () => {
    const cwd = folder();
    const { stdout } = await mapped(input, { deadLettersFile: join(cwd, 'dead.ndjson') });
    const dead = jsonLines(readFileSync(join(cwd, 'dead.ndjson'), 'utf8'));
    return [...jsonLines(stdout).map(uidOf), ...dead.map(({ uid }) => uid)];
  };
  const first = await uids();
  expect(new Set(first).size).toBe(4);
  expect(await uids()).toEqual(first);
});

it('a record with an id has one identity however often it comes', async () => {
  const line = JSON.stringify(login());
  const { stdout, code } = await mapped(`${line}\n${line}\n`);
  const [one, two] = jsonLines(stdout).map(uidOf);
  expect({ code, same: one === two }).toEqual({ code: 0, same: true });
});

it('nothing comes of nothing: empty input, empty lines, a byte-order mark of blanks', async () => {
  for (const input of ['', '\n', '\r\n\r\n  \n']) {
    expect(await command(['map'], { input })).toMatchObject({ code: 0, stdout: '', stderr: '' });
  }
});

it('CRLF, a last line without its end, U+2028 within a text, and the same events as with LF', async () => {
  const records = [login({ auth_note: 'a\u2028b' }), login({ id: '64b000000000000000000002' })].map((r) =>
    JSON.stringify(r),
  );
  const unix = await command(['map'], { input: `${records.join('\n')}\n` });
  const windows = await mapped(records.join('\r\n'));
  expect(jsonLines(unix.stdout)).toHaveLength(2);
  expect(windows.stdout).toBe(unix.stdout);
  expect(windows.code).toBe(0);
});

it('the answer of the API, indented JSON and a byte-order mark give the same events as lines', async () => {
  const records = ['1', '2', '3'].map((end) => login({ id: `64b00000000000000000000${end}`, note: 'a "]}" and {[' }));
  const lines = (values: unknown[]) => values.map((value) => `${JSON.stringify(value)}\n`).join('');
  const expected = (await command(['map', '--no-raw-data'], { input: lines(records) })).stdout;
  expect(jsonLines(expected)).toHaveLength(3);
  const forms = [
    `\ufeff${lines(records)}`,
    JSON.stringify(records),
    `\ufeff${JSON.stringify(records)}\r\n`,
    JSON.stringify(records, null, 2),
    JSON.stringify(records, null, '\t').replaceAll('\n', '\r\n'),
    records.map((record) => JSON.stringify(record, null, 4)).join('\n'),
    `${JSON.stringify(records.slice(0, 2))}\n[]\n${JSON.stringify(records.slice(2))}\n`,
  ];
  for (const input of forms)
    expect(await mapped(input, { rawData: false })).toMatchObject({ code: 0, stdout: expected, stderr: '' });
});

it('an indented value that does not end is one dead letter, and its neighbours are mapped', async () => {
  const broken = '{\n  "id": "x",\n';
  for (const input of [`${JSON.stringify(login())}\n${broken}`, `${broken}${JSON.stringify(login())}\n`]) {
    const { code, stdout, stderr } = await mapped(input);
    expect(code).toBe(65);
    expect(jsonLines(stdout)).toHaveLength(1);
    expect(stderr).toContain('dead letters: 1 ');
  }
});

it('UTF-16 is refused with the command that turns it into UTF-8', async () => {
  for (const input of [
    Buffer.from(`\ufeff${JSON.stringify(login())}`, 'utf16le'),
    Buffer.from(JSON.stringify(login()), 'utf16le'),
    Buffer.from(`\ufeff${JSON.stringify(login())}`, 'utf16le').swap16(),
  ]) {
    const { code, stdout, stderr } = await command(['map'], { input });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('iconv -f UTF-16 -t UTF-8');
  }
});

it('a line of 5 MB, lone surrogates, a __proto__ key and nesting of 200 levels each give one event or dead letter, their neighbours unharmed', async () => {
  const cwd = folder();
  const deep = `${'{"a":'.repeat(200)}1${'}'.repeat(200)}`;
  const hard = [
    JSON.stringify(login({ id: 'huge', note: 'x'.repeat(5 * 1024 * 1024) })),
    JSON.stringify(login({ id: 'surrogate' })).replace('"noor.example"', '"\\ud800 noor \\udfff"'),
    JSON.stringify(login({ id: 'proto' })).replace('{', '{"__proto__":{"success":false},"constructor":1,'),
    JSON.stringify(login({ id: 'deep' })).replace('{', `{"nested":${deep},`),
    JSON.stringify(login({ id: 17 })),
    JSON.stringify(login({ id: 'timeless', timestamp: 'soon' })),
  ];
  const input = hard.flatMap((line, number) => [line, JSON.stringify(login({ id: `neighbour-${number}` }))]).join('\n');
  const { stdout, stderr } = await command(['map', '--dead-letters', 'dead.ndjson'], { cwd, input });
  const events = jsonLines(stdout);
  const dead = jsonLines(readFileSync(join(cwd, 'dead.ndjson'), 'utf8'));
  expect(events.length + dead.length).toBe(12);
  expect(events.map(originalOf)).toEqual(expect.arrayContaining([0, 1, 2, 3, 4, 5].map((n) => `neighbour-${n}`)));
  expect(events.map(originalOf)).toEqual(expect.arrayContaining(['surrogate']));
  expect(stdout.isWellFormed()).toBe(true);
  expect(stderr.replace(/^dead letters: .*\n$/, ''), 'one line of figures at most').toBe('');
});

it('a reader that leaves ends it quietly with 0', () => {
  const lines = `${JSON.stringify(login())}\n`.repeat(4_000);
  const cwd = folder();
  writeFileSync(join(cwd, 'records.ndjson'), lines);
  const script = `"$0" "$1" map < records.ndjson | head -1; echo "code $PIPESTATUS"`;
  const said = execFileSync('bash', ['-c', `(${script}) 2>&1`, process.execPath, cli], { cwd, encoding: 'utf8' });
  const [event, code, ...more] = said.trimEnd().split('\n');
  expect(JSON.parse(event!)).toMatchObject({ class_uid: 3002 });
  expect({ code, more }).toEqual({ code: 'code 0', more: [] });
});

it.each([
  [
    'an unwritable name',
    ['map', '--dead-letters', 'missing/dead.ndjson'],
    /cannot be written to missing\/dead\.ndjson: ENOENT/,
  ],
  ['a directory', ['map', '--dead-letters', '.'], /cannot be written to \.: EISDIR/],
  ['a full disk', ['map', '--dead-letters', '/dev/full'], /cannot be written to \/dev\/full: ENOSPC/],
])('dead letters that go to %s end it with 74, cause and cure', async (_, args, message) => {
  const { code, stderr } = await command(args, { input: `nonsense\n${JSON.stringify(login())}\n` });
  expect(stderr).toMatch(message);
  expect(stderr).toContain('→ Name a file that can be written.');
  expect(code).toBe(74);
});

it('a full disk behind stdout ends it with 74', () => {
  const run = () =>
    execFileSync('bash', ['-c', '"$0" "$1" map > /dev/full', process.execPath, cli], {
      input: `${JSON.stringify(login())}\n`,
      stdio: 'pipe',
    });
  expect(run).toThrow(expect.objectContaining({ status: 74, stderr: expect.objectContaining({}) }));
});

it('it asks nothing of configuration or environment, and writes nothing', async () => {
  const cwd = folder();
  const env = {
    JUMPCLOUD_API_KEY: '',
    JUMPCLOUD_BASE_URL: 'nonsense',
    KAFKA_BROKERS: '!',
    CONFIG_FILE: '/nowhere.yaml',
  };
  const line = `${JSON.stringify(login())}\n`;
  const hostile = await command(['map'], { cwd, env, input: line });
  expect(hostile).toMatchObject({ code: 0, stderr: '' });
  expect(hostile.stdout).toBe((await command(['map'], { input: line })).stdout);
  expect(existsSync(join(cwd, 'data'))).toBe(false);
});

it('every fixture maps, and the independent validator has nothing to say', async ({ skip }) => {
  if (!hasValidator()) skip();
  const records = readFixtureRecords();
  const input = `${records.map(({ value }) => JSON.stringify(value)).join('\n')}\n`;
  const { code, stdout } = await command(['map'], { input });
  expect(code).toBe(0);
  const events = stdout.trimEnd().split('\n');
  expect(events).toHaveLength(records.length);
  expect(validate(events).total.errors).toBe(0);
});

it('the public sample records, where they are, are accounted for line by line', async ({ skip }) => {
  if (!existsSync(samples)) {
    process.stderr.write('SKIPPED: no sample records; name a file with SAMPLE_RECORDS.\n');
    skip();
  }
  const input = readFileSync(samples);
  const cwd = folder();
  const { stdout } = await command(['map', '--dead-letters', 'dead.ndjson'], { cwd, input });
  const lines = input.toString().trim().split('\n').length;
  const events = jsonLines(stdout).length;
  const dead = jsonLines(readFileSync(join(cwd, 'dead.ndjson'), 'utf8')).length;
  expect({ events, dead }).toEqual({ events: lines, dead: 0 });
});
