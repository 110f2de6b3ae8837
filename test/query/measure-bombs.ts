/**
 * Runs the kept list of memory and time bombs by the built command and prints, for each, how it ended, after how long, and
 * the most memory that the process of the statement held. `npm run bench:query-limits [seconds]`.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bombs } from './bombs.js';

const cli = fileURLToPath(new URL('../../collector/cli.js', import.meta.url));
const seconds = Number(process.argv[2] ?? 15);
const directory = mkdtempSync(join(tmpdir(), 'query-bombs-'));
let failed = false;
try {
  const { tookMs: startMs } = await run('SELECT 1');
  process.stdout.write(`SELECT 1 takes ${(startMs / 1000).toFixed(1)} s\n`);
  for (const sql of bombs) {
    const { code, stderr, tookMs, mostMiB } = await run(sql);
    const ended = /^The statement (?:was ended|needs more)/.test(stderr) && code === 75;
    const within = mostMiB <= 256_000_000 / 1024 / 1024 + 160 && tookMs <= (seconds + 2) * 1000 + startMs;
    failed ||= !ended || !within;
    const verdict = ended && within ? 'ok  ' : 'FAIL';
    process.stdout.write(
      `${verdict} exit ${code} ${(tookMs / 1000).toFixed(1).padStart(5)} s ${String(mostMiB).padStart(4)} MiB  ${sql.slice(0, 70)}\n     ${stderr.split('\n')[0]}\n`,
    );
  }
} finally {
  rmSync(directory, { recursive: true });
}
process.exitCode = failed ? 1 : 0;

async function run(sql: string): Promise<{ code: number | null; stderr: string; tookMs: number; mostMiB: number }> {
  const from = performance.now();
  const args = [cli, 'query', sql, '--tables-directory', directory, '--format', 'csv', '--timeout', `${seconds}s`];
  const parent = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  parent.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  let most = 0;
  const watch = setInterval(() => {
    for (const child of childrenOf(parent.pid)) most = Math.max(most, highWaterMark(child));
  }, 2);
  const code = await new Promise<number | null>((resolve) => parent.on('close', resolve));
  clearInterval(watch);
  return { code, stderr, tookMs: performance.now() - from, mostMiB: Math.round(most / 1024) };
}

function childrenOf(pid: number | undefined): string[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ').filter(Boolean);
  } catch {
    return [];
  }
}

/** KiB. */
function highWaterMark(pid: string): number {
  try {
    return Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0);
  } catch {
    return 0;
  }
}
