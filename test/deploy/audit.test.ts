import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { expect, it } from 'vitest';

const script = fileURLToPath(new URL('../../.ci/audit.mjs', import.meta.url));
const { dependencies, devDependencies } = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
) as Record<'dependencies' | 'devDependencies', Readonly<Record<string, string>>>;

/** What npm looks up of a package that an advisory names. */
function packument(name: string): object | undefined {
  const version = { ...dependencies, ...devDependencies }[name];
  if (version === undefined) return undefined;
  return { name, versions: { [version]: { name, version } }, 'dist-tags': { latest: version } };
}
const bulkRoute = '/-/npm/v1/security/advisories/bulk';

/** Runs the audit against a registry on loopback that answers the bulk route with `status` and `advisories`. */
async function audit(
  status: number,
  advisories: object,
  required = 'false',
  command = [script],
): Promise<{ code: number; output: string; asked: string[] }> {
  const asked: string[] = [];
  const registry = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    if (request.url !== bulkRoute) {
      const known = packument(request.url?.slice(1) ?? '');
      response.writeHead(known === undefined ? 404 : 200).end(JSON.stringify(known));
      return;
    }
    const body = Buffer.concat(chunks);
    const text = request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body;
    asked.push(...Object.keys(JSON.parse(text.toString()) as object));
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(advisories));
  }).listen(0, '127.0.0.1');
  await once(registry, 'listening');
  const { port } = registry.address() as AddressInfo;
  const cache = mkdtempSync(join(tmpdir(), 'npm-cache-'));
  const child = spawn(process.execPath, command, {
    env: {
      ...process.env,
      npm_config_registry: `http://127.0.0.1:${port}/`,
      npm_config_fetch_retries: '0',
      AUDIT_REQUIRED: required,
      // npm remembers advisories there; neither the invented ones nor the user's may meet the others.
      npm_config_cache: cache,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const [code] = (await once(child, 'close')) as [number];
  registry.closeAllConnections();
  registry.close();
  rmSync(cache, { recursive: true, force: true });
  return { code, output, asked };
}

const advisory = (severity: string, name = 'got') => ({
  [name]: [
    { id: 1, url: 'https://example.com/a', title: 'Invented hole', severity, vulnerable_versions: '*', cwe: [] },
  ],
});

it('a production dependency with a known high vulnerability fails the gate', async () => {
  const { code, output, asked } = await audit(200, advisory('high'));
  expect(output).toContain('got *: high: Invented hole https://example.com/a');
  expect(code).toBe(1);
  expect(asked).toContain('kafkajs');
});

it('so does one that is bundled into the pages, and one that is not delivered passes', async () => {
  const bundled = await audit(200, advisory('high', 'preact'));
  expect(bundled.output).toContain('preact *: high: Invented hole');
  expect(bundled.code).toBe(1);
  const left = await audit(200, advisory('critical', 'knip'));
  expect(left.output).toContain('0 high or critical of 0 known');
  expect(left.code).toBe(0);
});

it('a moderate vulnerability is reported and passes', async () => {
  const { code, output } = await audit(200, advisory('moderate'));
  expect(output).toContain('0 high or critical of 1 known');
  expect(code).toBe(0);
});

it('a registry without the audit route is reported and passes', async () => {
  const { code, output } = await audit(405, {});
  expect(output).toContain('the registry does not answer audits');
  expect(code).toBe(0);
});

it('fails where an audit is required and the registry answers none', async () => {
  const { code, output } = await audit(405, {}, 'true');
  expect(output).toContain('NOT DONE, the registry does not answer audits, and one is required here');
  expect(code).toBe(1);
});

it('passes where an audit is required and the registry knows of nothing', async () => {
  const { code, output } = await audit(200, {}, 'true');
  expect(output).toContain('0 high or critical of 0 known');
  expect(code).toBe(0);
});

it('is not called passed by `npm run security` where it was not done', async () => {
  const security = [fileURLToPath(new URL('../../.ci/security.mjs', import.meta.url)), 'audit'];
  const unanswered = await audit(405, {}, 'false', security);
  expect(unanswered.output).toContain('security: audit: NOT DONE');
  expect(unanswered.code).toBe(0);
  const found = await audit(200, advisory('high'), 'false', security);
  expect(found.output).toContain('security: audit: FAILED');
  expect(found.code).toBe(1);
});
