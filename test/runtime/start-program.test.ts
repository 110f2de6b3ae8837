import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { command, folder } from '../cli/command.js';

const built = fileURLToPath(new URL('../../dist/collector/', import.meta.url));
const { href } = pathToFileURL(join(built, 'runtime', 'start-program.js'));

/** Says of each script that Node.js compiles whether it was given compiled code, and whether V8 took it. */
const preload = `--import=data:text/javascript,${encodeURIComponent(`
  import { syncBuiltinESMExports } from 'node:module';
  import vm from 'node:vm';
  vm.Script = class extends vm.Script {
    constructor(text, options) {
      super(text, options);
      const outcome = options.cachedData === undefined ? 'none' : this.cachedDataRejected ? 'refused' : 'taken';
      process._rawDebug('CODE ' + outcome + ' ' + options.filename);
    }
  };
  syncBuiltinESMExports();
`)}`;
const outcomes = (stderr: string) => [...stderr.matchAll(/^CODE (\w+) /gm)].map(([, outcome]) => outcome);

async function run(text: string, ...flags: string[]) {
  const code = `import { keepCompiled, startProgram } from '${href}';\n${text}`;
  const { stdout, stderr } = await command([preload, ...flags, '--input-type=module', '-e', code], {
    program: [process.execPath],
  });
  return { stdout, outcomes: outcomes(stderr) };
}

/** A program that says one word, compiled; its path has a space, which a URL writes otherwise. */
async function program() {
  const path = join(folder(), 'a program.cjs');
  const write = (word: string) =>
    writeFileSync(path, `exports.ended = Promise.resolve(process.stdout.write('${word}'));`);
  write('first');
  await run(`keepCompiled(${JSON.stringify(path)});`);
  const start = (...flags: string[]) => run(`await startProgram(new URL('${pathToFileURL(path).href}'));`, ...flags);
  return { path, write, start };
}

describe('compiled code that a build keeps', () => {
  it('is what the command starts from', async () => {
    const { stdout, stderr } = await command(['--version'], { nodeFlags: [preload] });
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect(new Set(outcomes(stderr))).toEqual(new Set(['taken']));
  });

  it('is taken whether or not Node.js was started without code of text', async () => {
    const { start } = await program();
    for (const flags of [[], ['--disallow-code-generation-from-strings']])
      expect(await start(...flags)).toEqual({ stdout: 'first', outcomes: ['taken'] });
  });

  it('keeps the line and the column of each place in a trace', async () => {
    const { path, start } = await program();
    const source = 'exports.ended = Promise.resolve(process.stdout.write(new Error().stack));';
    writeFileSync(path, source);
    await run(`keepCompiled(${JSON.stringify(path)});`);
    const { stdout, outcomes: taken } = await start();
    expect(taken).toEqual(['taken']);
    expect(stdout).toContain(`a%20program.cjs:1:${source.indexOf('new Error') + 1}`);
  });

  it('is not taken for another source, even of the same length', async () => {
    const { write, start } = await program();
    write('other');
    expect(await start()).toEqual({ stdout: 'other', outcomes: ['none'] });
  });

  it('is not taken where a byte of it differs, or it ends early', async () => {
    const { path, start } = await program();
    const kept = readFileSync(`${path}.compiled`);
    for (const at of [0, 40, kept.length - 1]) {
      const torn = Buffer.from(kept);
      torn[at]! ^= 1;
      writeFileSync(`${path}.compiled`, torn);
      expect(await start(), `byte ${at}`).toEqual({ stdout: 'first', outcomes: ['none'] });
    }
    for (const length of [0, 32, kept.length - 1]) {
      writeFileSync(`${path}.compiled`, kept.subarray(0, length));
      expect(await start(), `${length} bytes`).toEqual({ stdout: 'first', outcomes: ['none'] });
    }
  });

  it('is refused once under other flags of V8, and the command works from its sources', async () => {
    const { code, stdout, stderr } = await command(['--version'], { nodeFlags: [preload, '--max-lazy'] });
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
    const [first, ...others] = outcomes(stderr);
    expect(first).toBe('refused');
    expect(new Set(others)).toEqual(new Set(['none']));
  });
});
