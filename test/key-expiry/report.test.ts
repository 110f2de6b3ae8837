import { expect, it, onTestFinished } from 'vitest';
import { loadConfig, readFileFromDisk } from '../../collector/config/load-config.js';
import { systemTiming } from '../../collector/jumpcloud/http/abort.js';
import { reportKey } from '../../collector/key-expiry/report.js';
import { clientOf, guardOf } from '../../collector/runtime/assemble.js';
import { startTenant } from '../../fixtures/tenant/tenant.js';

/** The report of a tenant's key, with `before` run where JumpCloud is asked how long the key lives. */
async function reportWith(before: (stop: AbortController) => void) {
  const tenant = await startTenant({ seed: 5, records: 5 });
  onTestFinished(() => tenant.close());
  const env = { JUMPCLOUD_BASE_URL: tenant.baseUrl, JUMPCLOUD_API_KEY: tenant.apiKey };
  const config = loadConfig({ env, readFile: readFileFromDisk }).feeds[0]!;
  const client = clientOf(config, {}, systemTiming);
  onTestFinished(() => client.close());
  const stop = new AbortController();
  const keyLife: typeof client.keyLife = async (signal) => {
    before(stop);
    return client.keyLife(signal);
  };
  const monitor = guardOf(config, client, () => undefined);
  return reportKey(config, ['sso'], { ...client, keyLife }, monitor, undefined, stop.signal);
}

it('the report of a key does not hide a defect behind an unknown lifetime', async () => {
  const defect = () => {
    throw new TypeError('a defect');
  };
  await expect(reportWith(defect)).rejects.toThrow('a defect');
});

it('the report of a key ends when it is stopped while JumpCloud is asked for the lifetime', async () => {
  await expect(reportWith((stop) => stop.abort())).rejects.toMatchObject({ code: 'ABORTED' });
});

it('the report of a key is complete where nothing goes wrong', async () => {
  await expect(reportWith(() => undefined)).resolves.toMatchObject({ report: { accepted: true }, failure: undefined });
});
