import { setPriority } from 'node:os';
import { systemClock } from '../../clock.js';
import type { EngineLimits } from './engine.js';
import { type MaintenanceReport, maintainTables } from './maintain-tables.js';

/** What the process is asked, in its first message. */
export interface MaintenanceRequest {
  readonly directory: string;
  readonly limits: EngineLimits;
}

/** How it ended. */
export type MaintenanceAnswer = { readonly report: MaintenanceReport } | { readonly failure: string };

/*
 * The process that maintains the tables of a running collector, a program of its own: merging takes memory and time that
 * commits must not wait for. It may be ended at any moment, and ends with the collector that started it.
 */
process.umask(0o077);
// Ctrl-C reaches both; the collector ends this one.
process.on('SIGINT', () => {});
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
process.once('message', (request: MaintenanceRequest) => void answer(request));

async function answer(request: MaintenanceRequest): Promise<void> {
  lowerPriority();
  let message: MaintenanceAnswer;
  try {
    message = { report: await maintainTables({ ...request, clock: systemClock }) };
  } catch (error) {
    message = { failure: error instanceof Error ? error.message : String(error) };
  }
  process.send?.(message, () => process.exit(0));
}

/** Polls and commits go first. */
function lowerPriority(): void {
  try {
    setPriority(10);
  } catch {
    // A system that does not let it maintains at the usual priority.
  }
}
