import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { Script } from 'node:vm';

/**
 * The flags of V8 that every program runs with. V8 takes no compiled code that was made with others.
 *
 * The first two: V8 lets its heap grow to several times what is alive before it collects; a collector lives for years beside others
 * in a small container. Measured over 60,000 records into tables: peak resident memory 213 MiB with these two, 338 without.
 * The last is what deployments start Node.js with. Where they do not, it leaves this context as it is and binds a worker thread that begins later.
 */
const FLAGS = ['--heap-growing-percent=10', '--semi-space-growth-factor=1', '--disallow-code-generation-from-strings'];
const SUFFIX = '.compiled';
const DIGEST_BYTES = 32;

/**
 * V8 itself compares only the length of the source, and nothing of the code: a file of another build, of another kind of processor, or a
 * torn one, is not taken.
 */
function digestOf(source: Buffer, code: Buffer): Buffer {
  return createHash('sha256').update(`${process.version} ${process.arch}\n`).update(source).update(code).digest();
}

/** The code that the build has kept for this source; undefined where there is none. */
function keptCode(path: string, source: Buffer): Buffer | undefined {
  let kept: Buffer;
  try {
    kept = readFileSync(`${path}${SUFFIX}`);
  } catch {
    return undefined;
  }
  const code = kept.subarray(DIGEST_BYTES);
  return digestOf(source, code).equals(kept.subarray(0, DIGEST_BYTES)) ? code : undefined;
}

function scriptOf(path: string, source: Buffer, cachedData?: Buffer): Script {
  const head = '(function (exports, require, module, __filename, __dirname) { ';
  return new Script(`${head}${source.toString()}\n})`, {
    filename: pathToFileURL(path).href,
    // In traces each place keeps its line and its column.
    columnOffset: -head.length,
    ...(cachedData && { cachedData }),
  });
}

/**
 * Runs a program and what it requires, all CommonJS, from the code that the build has compiled. Where V8 does not take it (another
 * release, other flags), what is missing is compiled from the source.
 * @param program whose export `ended`, if any, is awaited
 */
export async function startProgram(program: URL): Promise<void> {
  for (const flag of FLAGS) setFlagsFromString(flag);
  const require = createRequire(program);
  let isTaken = true;
  require.extensions['.cjs'] = (module, path) => {
    const source = readFileSync(path);
    const script = scriptOf(path, source, isTaken ? keptCode(path, source) : undefined);
    // Nor would it take the others.
    if (script.cachedDataRejected === true) isTaken = false;
    script.runInThisContext()(module.exports, module.require.bind(module), module, path, dirname(path));
  };
  await (require(fileURLToPath(program)) as { ended?: Promise<void> }).ended;
}

/** Compiles a CommonJS file with all its functions, and keeps the code next to it for this release of Node.js and this processor. */
export function keepCompiled(path: string): void {
  const source = readFileSync(path);
  for (const flag of [...FLAGS, '--no-lazy']) setFlagsFromString(flag);
  const script = scriptOf(path, source);
  setFlagsFromString('--lazy');
  const code = script.createCachedData();
  writeFileSync(`${path}${SUFFIX}`, Buffer.concat([digestOf(source, code), code]));
}
