import type { StatusView } from '../../collector/monitoring/status/board.js';
import type { RepairView } from '../../collector/reconcile/repair-queue.js';
import type { Tenant } from '../../fixtures/tenant/tenant.js';
import { type Running, start } from './command.js';

export const HOUR = 3_600_000;

/** Logins that JumpCloud shows only now, dated so many milliseconds back: a gap that no poll finds. */
export function plantGap(tenant: Pick<Tenant, 'add' | 'organization'>, count: number, age: number): void {
  for (let index = 0; index < count; index += 1) {
    const time = Date.now() - age + index * 1_000;
    tenant.add({
      id: `${String(age).padStart(12, '0')}${String(index).padStart(12, '0')}`,
      '@version': '1',
      service: 'directory',
      event_type: 'user_login_attempt',
      organization: tenant.organization,
      timestamp: new Date(time).toISOString(),
      initiated_by: { type: 'user', username: `latecomer.${index}` },
      success: true,
      mfa: false,
    });
  }
}

/** A running feed and how to reach it. */
export interface RunningFeed {
  readonly running: Running;
  /** Of all feeds, or of one with all its hours. */
  readonly status: (feed?: string) => Promise<StatusView>;
  readonly repair: () => Promise<RepairView | null>;
  /** `POST /repair`. */
  readonly post: (body: string | object, headers?: Record<string, string>) => Promise<Response>;
}

/** Starts `run` and waits until it has caught up. The environment holds port and token. */
export async function startFeed(cwd: string, env: Readonly<Record<string, string>>): Promise<RunningFeed> {
  const running = start(['run'], { cwd, env: { ...env, LOG_LEVEL: 'debug' } });
  await running.said('caught up; next poll');
  const address = `http://127.0.0.1:${env.HTTP_PORT}`;
  const authorization = `Bearer ${env.HTTP_TOKEN}`;
  const status = async (feed?: string) =>
    (await (
      await fetch(`${address}/status${feed === undefined ? '' : `?feed=${feed}`}`, { headers: { authorization } })
    ).json()) as StatusView;
  return {
    running,
    status,
    repair: async () => (await status()).feeds[0]!.repair,
    post: (body, headers = {}) =>
      fetch(`${address}/repair`, {
        method: 'POST',
        headers: { authorization, 'content-type': 'application/json', ...headers },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
  };
}

/** Asks again until it holds. */
export async function until<T>(ask: () => Promise<T>, holds: (value: T) => boolean): Promise<T> {
  for (let tries = 0; tries < 600; tries += 1) {
    const value = await ask();
    if (holds(value)) return value;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error('It never came to hold.');
}
