import type * as fs from 'node:fs';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { holdFiles } from '../../collector/query/snapshot-files.js';
import type { LiveFile } from '../../collector/sinks/tables/live-files.js';

const limit = vi.hoisted(() => ({ most: Number.POSITIVE_INFINITY, open: 0 }));

vi.mock('node:fs', async (original) => {
  const real = await original<typeof fs>();
  return {
    ...real,
    openSync: (...given: Parameters<typeof fs.openSync>) => {
      if (limit.open >= limit.most) throw Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' });
      const descriptor = real.openSync(...given);
      limit.open += 1;
      return descriptor;
    },
    closeSync: (descriptor: number) => {
      limit.open -= 1;
      real.closeSync(descriptor);
    },
  };
});

it('judges each file also where the limit of open files is too low to hold them all', () => {
  const root = mkdtempSync(join(tmpdir(), 'snapshot-'));
  onTestFinished(() => {
    limit.most = Number.POSITIVE_INFINITY;
    rmSync(root, { recursive: true });
  });
  const files = Array.from({ length: 6 }, (_, index): LiveFile => {
    const path = join(root, `${index}.parquet`);
    writeFileSync(path, index === 1 ? 'no table at all' : 'PAR1....PAR1');
    return { paths: [path] } as unknown as LiveFile;
  });
  limit.most = 3;
  const snapshot = holdFiles(root, files, true);
  expect(snapshot?.damaged.map(({ path }) => path)).toEqual([files[1]!.paths[0]]);
  expect(snapshot?.files.map(({ readAs }) => readAs)).toEqual(files.toSpliced(1, 1).map(({ paths }) => paths[0]));
  expect(limit.open).toBe(0);
});
