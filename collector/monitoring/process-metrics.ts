import { readdirSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { Counter, Gauge, type Registry } from 'prom-client';
import { processMemory } from '../pipeline/process-memory.js';

/** Memory and its budget, processor, open files and event loop of this process, measured at every scrape. */
export function addProcessMetrics(registry: Registry, prefix: string): void {
  const gauge = (name: string, help: string, measure: () => number | undefined) =>
    new Gauge({
      name: `${prefix}${name}`,
      help,
      registers: [registry],
      collect() {
        const value = measure();
        if (value !== undefined) this.set(value);
      },
    });
  gauge('process_start_time_seconds', 'When the process started.', () => performance.timeOrigin / 1000);
  gauge('process_resident_memory_bytes', 'Resident memory.', () => process.memoryUsage.rss());
  gauge('process_heap_used_bytes', "Memory used on Node.js' heap.", () => process.memoryUsage().heapUsed);
  gauge('process_open_fds', 'Open files and connections; 0 where the system does not report them.', openFiles);
  gauge('memory_budget_bytes', '`memory.budget`.', () => processMemory.limit);
  gauge('memory_reserved_bytes', 'What pages and batches of all lanes hold of the budget.', () => processMemory.bytes);
  gauge('memory_waiting', 'Lanes that wait for room in the budget.', () => processMemory.waiting);
  let loop = performance.eventLoopUtilization();
  gauge(
    'process_event_loop_utilization',
    'Share of the time since the last scrape in which the event loop was busy.',
    () => {
      const now = performance.eventLoopUtilization();
      const since = performance.eventLoopUtilization(now, loop);
      loop = now;
      return since.utilization;
    },
  );
  let counted = 0;
  new Counter({
    name: `${prefix}process_cpu_seconds_total`,
    help: 'Processor time, user and system.',
    registers: [registry],
    collect() {
      const { user, system } = process.cpuUsage();
      const seconds = (user + system) / 1e6;
      this.inc(seconds - counted);
      counted = seconds;
    },
  });
}

function openFiles(): number | undefined {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    // Not Linux: the figure stays 0, as its help says.
    return undefined;
  }
}
