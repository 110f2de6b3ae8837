import type { Clock } from '../clock.js';
import { asCollectorError, type CollectorError } from '../errors.js';
import { INVENTORY_LANE } from '../position/lane-name.js';
import type { Sink } from '../sinks/sink.js';
import type { InventoryReport, runInventory } from './inventory.js';
import type { InventoryObserver } from './observer.js';
import { positionOf } from './position.js';
import type { ReadingSlots } from './reading-slots.js';
import { dueStages, type InventorySchedule, untilDue } from './schedule.js';

/** What a running feed needs for its inventory. */
export interface InventoryServiceParts {
  readonly clock: Clock;
  readonly observer: InventoryObserver;
  /** Shared by all inventories of the process. */
  readonly slots: ReadingSlots;
  /** Opens what one run needs; called before each run and closed after it, so that nothing is held in between. */
  readonly open: () => Promise<{
    readonly sink: Sink;
    readonly run: (order: Parameters<typeof runInventory>[0], signal: AbortSignal) => Promise<InventoryReport>;
    close(): Promise<void>;
  }>;
}

/** How often a feed that reads only when asked to looks up what another process delivered. */
const LOOK_MS = 15 * 60_000;

/** Reports what the sink holds of an inventory that other processes deliver, now and then, until the signal aborts. */
export async function watchInventory(
  sink: Pick<Sink, 'peek'>,
  { clock, observer }: Pick<InventoryServiceParts, 'clock' | 'observer'>,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    // A sink that cannot be read is the live lane's to report.
    const position = positionOf(await sink.peek(INVENTORY_LANE).catch(() => undefined));
    if (position !== undefined) observer({ type: 'position', position });
    await clock.sleep(LOOK_MS, signal);
  }
}

/** No longer than this between two tries after a failure. */
const RETRY_MS = 15 * 60_000;

/**
 * Reads the directory whenever it is due, until the signal aborts. A failure is reported and the next reading tried: it
 * never stops the feed. Readings that were missed do not pile up.
 */
export async function runInventoryService(
  schedule: InventorySchedule,
  { clock, observer, slots, open }: InventoryServiceParts,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    let began = clock.monotonic();
    let failure: CollectorError | undefined;
    try {
      const wait = await whileOpen(open, async ({ sink }) => {
        const position = positionOf(await sink.peek(INVENTORY_LANE));
        if (position !== undefined) observer({ type: 'position', position });
        return position?.finished ? untilDue(position.marker?.started ?? 0, schedule.interval, clock.now()) : 0;
      });
      if (wait > 0) {
        observer({ type: 'waiting', until: clock.now() + wait });
        await clock.sleep(wait, signal);
        continue;
      }
      const release = await slots.acquire(signal);
      try {
        // The slot may have come hours later.
        began = clock.monotonic();
        failure = await whileOpen(open, async ({ sink, run }) => {
          const { stages, full } = dueStages(positionOf(await sink.peek(INVENTORY_LANE)), schedule, clock.now());
          return (await run({ stages, full, dryRun: false, confirmed: new Set() }, signal)).refused;
        });
      } finally {
        release();
      }
    } catch (error) {
      failure = asCollectorError(error);
      if (failure.code === 'ABORTED') return;
    }
    if (failure !== undefined) observer({ type: 'failed', error: failure });
    const next = failure === undefined ? schedule.interval : Math.min(schedule.interval, RETRY_MS);
    const wait = Math.max(0, began + next - clock.monotonic());
    observer({ type: 'waiting', until: clock.now() + wait });
    await clock.sleep(wait, signal);
  }
}

type Opened = Awaited<ReturnType<InventoryServiceParts['open']>>;

async function whileOpen<T>(open: () => Promise<Opened>, work: (opened: Opened) => Promise<T>): Promise<T> {
  const opened = await open();
  try {
    return await work(opened);
  } finally {
    await opened.close();
  }
}
