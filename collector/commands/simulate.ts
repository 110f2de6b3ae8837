import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { startTenant } from '../../fixtures/tenant/tenant.js';
import { usualTrouble } from '../../fixtures/tenant/trouble.js';
import { CollectorError, exitCodes } from '../errors.js';
import { fireWebhooks } from './simulate-webhook.js';

const DAY = 86_400_000;

/** `simulate`: the simulated tenant on loopback until it is interrupted. */
export async function simulate({
  webhook,
  webhookTokenFile,
  perMinute,
  ...options
}: {
  port: number;
  records: number;
  seed: number;
  webhook?: string | undefined;
  webhookTokenFile?: string | undefined;
  perMinute: number;
}): Promise<number> {
  const now = Date.now();
  // A day of the future as well: records keep coming to be, as in a living organisation.
  const tenant = await startTenant({
    ...options,
    from: now - 7 * DAY,
    to: now + DAY,
    trouble: usualTrouble,
    directory: {},
  }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EADDRINUSE' && error.code !== 'EACCES') throw error;
    throw new CollectorError('USAGE', `Port ${options.port} of this machine cannot be listened on (${error.code}).`, {
      cure: 'Choose another with --port, or any free one with --port 0.',
      cause: error,
    });
  });
  process.stdout.write(
    `${JSON.stringify({ baseUrl: tenant.baseUrl, apiKey: tenant.apiKey, organization: tenant.organization })}\n`,
  );
  process.stderr.write(
    `A simulated tenant with ${options.records} records, from seven days ago until tomorrow; Ctrl-C ends it. Collect it with\n  JUMPCLOUD_BASE_URL=${tenant.baseUrl} JUMPCLOUD_API_KEY=${tenant.apiKey} POLL_START=7d jumpcloud-ocsf run\n`,
  );
  const stopping = new AbortController();
  const stop = Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]).then(() => stopping.abort());
  try {
    if (webhook !== undefined) {
      const token = webhookTokenFile === undefined ? undefined : readFileSync(webhookTokenFile, 'utf8').trim();
      const write = (line: string) => process.stderr.write(`${line}\n`);
      await fireWebhooks(tenant, { url: webhook, token, perMinute }, write, stopping.signal);
    }
    await stop;
  } finally {
    await tenant.close();
  }
  return exitCodes.done;
}
