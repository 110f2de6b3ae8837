import { newRemapReport, remapping } from '../../collector/reprocess/remap.js';
import { createTablesSink } from '../../collector/sinks/tables/tables-sink.js';
import { mapper } from '../../collector/version.js';
import { ocsfTarget } from '../../schemas/ocsf-target.js';

/** Remaps all events of a directory of tables; `checkpoint` is awaited at each step that is taken, with its name. */
export async function remapLanes(directory: string, checkpoint: (step: string) => Promise<void>): Promise<void> {
  const range = { from: 0, to: Date.UTC(2030, 0, 1) / 1000 };
  const sink = createTablesSink({ directory, feed: 'acme', checkpoint });
  for (const name of await sink.lanes()) {
    const lane = sink.rewritable!(name);
    await lane.open();
    await lane.rewrite(
      remapping({ range, classes: undefined, mapping: { mapper, target: ocsfTarget } }, newRemapReport()),
      async () => true,
    );
    await lane.close();
  }
}
