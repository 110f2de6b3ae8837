import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/** The process that holds a lane, as another process of the same machine can recognise it. */
export interface ProcessIdentity {
  readonly host: string;
  readonly pid: number;
  /** Linux only: this boot of the kernel, the namespace that numbers the processes, and the process' start in ticks. */
  readonly boot?: string;
  readonly namespace?: string;
  readonly started?: string;
}

/** This process. */
export function thisProcess(): ProcessIdentity {
  const boot = read('/proc/sys/kernel/random/boot_id');
  const namespace = link('/proc/self/ns/pid');
  const started = startOf(process.pid);
  return {
    host: hostname(),
    pid: process.pid,
    ...(boot === undefined ? {} : { boot }),
    ...(namespace === undefined ? {} : { namespace }),
    ...(started === undefined ? {} : { started }),
  };
}

/**
 * Whether a holder is certainly dead: it ran under this very kernel and process numbering, and its number is free or
 * belongs to a process that started at another time. False where that is unknown: then only the end of its lease frees
 * the lane.
 */
export function isDead(holder: ProcessIdentity, self: ProcessIdentity = thisProcess()): boolean {
  if (holder.boot === undefined || holder.namespace === undefined || holder.started === undefined) return false;
  if (holder.boot !== self.boot || holder.namespace !== self.namespace) return false;
  return startOf(holder.pid) !== holder.started;
}

/** Field 22 of /proc/<pid>/stat; the name in field 2 may hold spaces and brackets. Undefined for a dead or zombie process. */
function startOf(pid: number): string | undefined {
  const fields = read(`/proc/${pid}/stat`)
    ?.replace(/^.*\) /s, '')
    .split(' ');
  return fields?.[0] === 'Z' || fields?.[0] === 'X' ? undefined : fields?.[19];
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    // No such process, or a system without /proc.
    return undefined;
  }
}

function link(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
