import type { Clock } from '../clock.js';
import { asCollectorError } from '../errors.js';
import type { Client } from '../jumpcloud/client.js';
import type { Log } from '../log/logger.js';
import type { KeyExpiryMonitor } from './monitor.js';

/** How often JumpCloud is asked how long the key lives. */
const EVERY_MS = 12 * 3_600_000;
/** The same while the key is refused or nothing came of asking: it may be in the middle of a rotation. */
const UNKNOWN_EVERY_MS = 60_000;

/** A guard's knowledge, kept fresh. */
export interface KeyLifeFollower {
  /** Resolves when JumpCloud was asked for the first time, whatever came of it. */
  readonly asked: Promise<void>;
  /** Resolves some time after the signal aborted. */
  readonly ended: Promise<void>;
}

/**
 * Asks JumpCloud how long the key in use lives: now, twice a day, and whenever another key is put in place. A refusal is
 * normal and quiet: the guard then goes by what was declared, or by the first day of use.
 */
export function followKeyLife(
  client: Pick<Client, 'keyLife' | 'credential'>,
  guard: KeyExpiryMonitor,
  log: Log,
  clock: Pick<Clock, 'sleep'>,
  signal: AbortSignal,
): KeyLifeFollower {
  const asked = askKeyLife(client, guard, log, signal);
  return { asked: asked.then(() => undefined), ended: goOn(asked) };

  async function goOn(first: Promise<boolean>): Promise<void> {
    let unknown = await first;
    while (!signal.aborted) {
      // Asked again at once would be too early: a new key counts when a poll was answered with it.
      const changed = await client.credential.waitForChange(unknown ? UNKNOWN_EVERY_MS : EVERY_MS, signal);
      if (changed) {
        warnForeignDeclaration(guard, log);
        await clock.sleep(1_000, signal);
      }
      if (!signal.aborted) unknown = await askKeyLife(client, guard, log, signal);
    }
  }
}

/**
 * Asks JumpCloud once how long the key in use lives. A refusal, and a failure, are quiet.
 * @returns true where the key itself is refused, asking failed, or another key was put in place meanwhile
 */
export async function askKeyLife(
  client: Pick<Client, 'keyLife' | 'credential'>,
  guard: KeyExpiryMonitor,
  log: Log,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    const asking = client.credential.state.fingerprint;
    const life = await client.keyLife(signal);
    const { fingerprint } = client.credential.state;
    // An answer that was overtaken by a rotation is of the key before.
    if ((asking ?? fingerprint) !== fingerprint) return true;
    if (life.kind === 'known') guard.setReportedLifetime(life);
    else log.debug(`JumpCloud does not report the lifetime of the key: ${life.reason}`);
    return life.kind === 'refused' && life.code !== 'ROLE_REFUSED';
  } catch (error) {
    const { code, message } = asCollectorError(error);
    if (code === 'INTERNAL') log.failure(error);
    else if (!signal.aborted) log.debug(`reading the lifetime of the key failed: ${message}`);
    return true;
  }
}

function warnForeignDeclaration(guard: KeyExpiryMonitor, log: Log): void {
  if (guard.status()?.declaredOfAnother)
    log.warn(
      'jumpcloud.keyCreated or jumpcloud.keyExpires is still that of the key before, and is not used for the new one',
      {
        cure: 'Set it to the day of the new key.',
      },
    );
}
