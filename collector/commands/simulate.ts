import { once } from 'node:events';
import { startTenant } from '../../fixtures/tenant/tenant.js';
import { exitCodes } from '../errors.js';

/** `simulate`: the simulated tenant on loopback until it is interrupted. */
export async function simulate(options: { port: number; records: number; seed: number }): Promise<number> {
  const tenant = await startTenant({ port: options.port, records: options.records, seed: options.seed });
  process.stdout.write(
    `${JSON.stringify({ baseUrl: tenant.baseUrl, apiKey: tenant.apiKey, organization: tenant.organization })}\n`,
  );
  process.stderr.write(
    `A simulated tenant with ${options.records} records of the last seven days; Ctrl-C ends it. Collect it with\n  JUMPCLOUD_BASE_URL=${tenant.baseUrl} JUMPCLOUD_API_KEY=${tenant.apiKey} POLL_START=7d jumpcloud-ocsf run\n`,
  );
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
  await tenant.close();
  return exitCodes.done;
}
