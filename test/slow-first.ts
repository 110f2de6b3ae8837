import type { TestSpecification } from 'vitest/node';
import { BaseSequencer } from 'vitest/node';

/** Begins of the paths below test/ of what takes longest, longest first; those that start brokers of their own stand apart. */
const slowest = [
  'faults/f-01-kill-tables',
  'faults/f-01-kafka-chaos',
  'cli/repair.',
  'faults/f-15-to-f-20',
  'faults/kill-remap',
  'kafka/outage',
  'cli/exit-codes',
  'faults/',
  'kafka/reconcile',
  'kafka/contract',
  'kafka/position',
  'cli/life-cycle',
  'deploy/container',
  'kafka/security',
  'cli/backfill-types',
  'kafka/sink',
  'cli/',
  'kafka/',
  'diagnostics/',
  'key-expiry/',
  'compat/',
  'sinks/tables/',
  'pipeline/feed.',
  'query/',
  'reconcile/',
  'inventory/',
  'console/',
];

/** Files in the order in which two processes end at about the same time: what takes long begins first. */
export class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId, project }: TestSpecification) => {
      const path = moduleId.slice(moduleId.lastIndexOf('/test/') + '/test/'.length);
      const found = slowest.findIndex((begin) => path.startsWith(begin));
      const among = found < 0 ? slowest.length : found;
      // A process is shared by files that follow one another.
      return project.config.isolate ? among : among + slowest.length + 1;
    };
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b));
  }
}
