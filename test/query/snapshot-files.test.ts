import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { judgeFiles } from '../../collector/query/snapshot-files.js';
import type { LiveFile } from '../../collector/sinks/tables/tables-snapshot.js';

it('judges each file, and holds none of them open', () => {
  const root = mkdtempSync(join(tmpdir(), 'snapshot-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
  const files = Array.from({ length: 6 }, (_, index): LiveFile => {
    const path = join(root, `${index}.parquet`);
    writeFileSync(path, index === 1 ? 'no table at all' : 'PAR1....PAR1');
    return { path, readAs: path } as unknown as LiveFile;
  });
  const before = readdirSync('/proc/self/fd').length;
  const { sound, damaged } = judgeFiles([root], files);
  expect(damaged.map(({ path }) => path)).toEqual([files[1]!.path]);
  expect(sound).toEqual(files.toSpliced(1, 1));
  expect(readdirSync('/proc/self/fd')).toHaveLength(before);
});
