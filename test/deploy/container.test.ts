import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTenant, type Tenant } from '../../fixtures/tenant/tenant.js';
import { freePort } from '../free-port.js';
import { parseMetrics, seriesValue } from '../monitoring/prometheus.js';
import { execForm, parseDockerfile } from './dockerfile.js';
import { buildImage, contextFiles, type Image, runImage, whyNot } from './image.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const product = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as { version: string };
const obstacle = await whyNot();
if (obstacle !== undefined && process.env.CI !== 'true')
  process.stderr.write(`SKIPPED: the image is not built and run here: ${obstacle}\n`);

describe('the Dockerfile', () => {
  const { stages } = parseDockerfile(readFileSync(`${root}Dockerfile`, 'utf8'));
  const lock = JSON.parse(readFileSync(`${root}package-lock.json`, 'utf8')) as {
    packages: Record<string, { dev?: boolean; hasInstallScript?: boolean }>;
  };

  it('installs from the lockfile alone, and without development tools in what is run', () => {
    const installs = stages.flatMap(({ name, instructions }) =>
      instructions.filter(({ rest }) => /\bnpm (ci|i|install)\b/.test(rest)).map(({ rest }) => [name, rest]),
    );
    expect(installs).toEqual([
      ['build', expect.stringMatching(/^npm ci /)],
      ['dependencies', expect.stringMatching(/^npm ci --omit=dev /)],
    ]);
    expect(stages.at(-1)!.instructions.filter(({ name }) => name === 'RUN')).toEqual([]);
  });

  it('installs nothing that runs a script of its own', () => {
    const running = Object.entries(lock.packages).filter(([, part]) => part.hasInstallScript && !part.dev);
    expect(running.map(([place]) => place)).toEqual([]);
  });

  it('compiles on the builder and installs on the platform of the image, for which the lockfile has DuckDB', () => {
    expect(stages.map((stage) => stage.platform)).toEqual(['$BUILDPLATFORM', undefined, undefined]);
    for (const platform of ['linux-x64', 'linux-arm64'])
      expect(Object.keys(lock.packages)).toContain(`node_modules/@duckdb/node-bindings-${platform}`);
  });

  it('names both bases by the digest of an index, and nothing else of a registry', () => {
    const text = readFileSync(`${root}Dockerfile`, 'utf8');
    for (const { base } of stages) expect(base).toMatch(/^[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}$/);
    expect(text).not.toMatch(/^# *syntax=/m);
    expect(text).not.toMatch(/--from=\S*[/:]/);
  });

  it('runs on a distroless base without the debug shell, and takes of the Node.js image the binary alone', () => {
    const last = stages.at(-1)!;
    expect(last.base).toMatch(/^gcr\.io\/distroless\/cc-debian\d+:nonroot@/);
    const outside = last.instructions
      .filter(({ name, flags }) => name === 'COPY' && flags.get('from') !== undefined)
      .map(({ rest }) => rest.split(/\s+/)[0])
      .filter((source) => !/^\/(opt\/jumpcloud-ocsf$|build\/)/.test(source ?? ''));
    expect(outside).toEqual(['/usr/local/bin/node']);
  });

  it('needs no shell to start, to be probed or to be asked', () => {
    for (const { name, rest } of stages.at(-1)!.instructions)
      if (['ENTRYPOINT', 'CMD'].includes(name)) expect(execForm(rest).length).toBeGreaterThan(0);
      else if (name === 'HEALTHCHECK') expect(execForm(rest.replace(/^CMD\s+/, ''))[0]).toBe('node');
  });

  it('is given no secret, table or module of the working directory', () => {
    const files = contextFiles(root);
    expect(files).toContain('collector/cli.ts');
    expect(files).toContain('fixtures/cast.json');
    expect(files.filter((file) => /^(node_modules|dist|data|test|\.git)\//.test(file))).toEqual([]);
    expect(files.filter((file) => /\.(env|pem|key|parquet)$/.test(file))).toEqual([]);
  });
});

describe.skipIf(obstacle !== undefined && process.env.CI !== 'true')('the image', () => {
  let work: string;
  let image: Image;
  let tenant: Tenant;
  const started: ChildProcess[] = [];

  beforeAll(async () => {
    expect(obstacle).toBeUndefined();
    work = mkdtempSync(join(tmpdir(), 'image-'));
    image = await buildImage(root, work);
    tenant = await startTenant({ seed: 5, records: 150, from: Date.now() - 12 * 3_600_000 });
  }, 300_000);

  afterAll(async () => {
    for (const child of started) if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await tenant?.close();
    if (work !== undefined) rmSync(work, { recursive: true, force: true });
  });

  /** A fresh volume, as an engine makes it: owned as the image's own directory there is. */
  function makeVolume(): string {
    const volume = mkdtempSync(join(work, 'volume-'));
    const { uid, gid } = statSync(join(image.root, image.volumes[0]!));
    chownSync(volume, uid, gid);
    return volume;
  }

  function start(options: Parameters<typeof runImage>[1]) {
    const child = runImage(image, options);
    started.push(child);
    return { child, output: text(child.stdout), log: text(child.stderr), ended: once(child, 'exit') };
  }

  async function environment(): Promise<Record<string, string>> {
    return {
      JUMPCLOUD_BASE_URL: tenant.baseUrl,
      JUMPCLOUD_API_KEY: tenant.apiKey,
      JUMPCLOUD_EVENT_TYPES: 'login,admin,other',
      POLL_START: '8d',
      POLL_INTERVAL: '1s',
      HTTP_PORT: String(await freePort()),
      // The image's own 0.0.0.0 would open the port to the network of this machine.
      HTTP_HOST: '127.0.0.1',
    };
  }

  it('runs as nobody, listens for probes, says what it is, and starts with `run`', () => {
    expect(image.user).toBe('10001:10001');
    expect(image.env.get('HTTP_HOST')).toBe('0.0.0.0');
    expect(image.env.get('NODE_ENV')).toBe('production');
    expect([image.entrypoint, image.command]).toEqual([['jumpcloud-ocsf'], ['run']]);
    expect([image.volumes, image.ports]).toEqual([['/data'], [9464]]);
    for (const name of ['title', 'description', 'licenses', 'version', 'revision', 'created'])
      expect(image.labels.get(`org.opencontainers.image.${name}`)).toBeTruthy();
  });

  it('holds no development tool, no source and no test', () => {
    const home = join(image.root, 'opt/jumpcloud-ocsf');
    expect(readdirSync(home).sort()).toEqual(
      ['.ci', '.npmrc', 'CHANGELOG.md', 'LICENSE', 'NOTICE', 'bin', 'deploy', 'dist', 'fixtures', 'node_modules']
        .concat(['package-lock.json', 'package.json', 'schemas'])
        .sort(),
    );
    expect(readdirSync(join(home, 'dist')).sort()).toEqual(['collector', 'fixtures', 'mappings', 'schemas']);
    const modules = readdirSync(join(home, 'node_modules'));
    for (const tool of ['typescript', 'vitest', '@biomejs']) expect(modules).not.toContain(tool);
  });

  it('holds no shell, no package manager and no program but node and the collector', () => {
    const programs = readdirSync(image.root, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.parentPath.includes('/node_modules/'))
      .map((entry) => join(entry.parentPath, entry.name))
      .filter((path) => (statSync(path).mode & 0o111) !== 0 && !/\.so(\.\d+)*$/.test(path))
      .map((path) => path.slice(image.root.length));
    expect(programs.sort()).toEqual([
      '/opt/jumpcloud-ocsf/bin/jumpcloud-ocsf',
      '/opt/jumpcloud-ocsf/dist/collector/cli.js',
      '/usr/local/bin/node',
    ]);
    const modules = readdirSync(join(image.root, 'opt/jumpcloud-ocsf/node_modules'));
    for (const manager of ['npm', 'npx', 'corepack', 'yarn', 'pnpm']) expect(modules).not.toContain(manager);
  });

  it('starts Node.js so that it makes no code of text', () => {
    const launcher = readFileSync(join(image.root, 'opt/jumpcloud-ocsf/bin/jumpcloud-ocsf'), 'utf8');
    expect(launcher.split('\n', 1)).toEqual(['#!/usr/local/bin/node --disallow-code-generation-from-strings']);
  });

  it('has nothing that its user could write but the volume', async () => {
    const { child, output } = start({
      volume: makeVolume(),
      program: ['node', '-e'],
      args: [
        `const { writeFileSync } = require('node:fs');
         const outcome = (path) => { try { writeFileSync(path, ''); return 'written'; } catch (error) { return error.code; } };
         console.log(JSON.stringify(['/x', '/tmp/x', '/opt/jumpcloud-ocsf/x', '/data/x'].map(outcome)), process.getuid());`,
      ],
    });
    await once(child, 'exit');
    expect((await output).trim()).toBe('["EROFS","EROFS","EROFS","written"] 10001');
  });

  it('says its version and refuses to run without a credential, with the code for that', async () => {
    const version = start({ volume: makeVolume(), args: ['--version'] });
    expect((await version.output).trim()).toBe(product.version);
    const run = start({ volume: makeVolume(), env: { HTTP_ENABLED: 'false' } });
    expect(await run.ended).toEqual([77, null]);
    expect(await run.log).toMatch(/JUMPCLOUD_API_KEY/);
  });

  it('collects, becomes ready, serves metrics, answers queries and stops on SIGTERM with exit 0', async () => {
    const volume = makeVolume();
    const env = await environment();
    const port = env.HTTP_PORT;
    const { child, log, ended } = start({ volume, env });
    const health = () => start({ volume, env, program: image.healthCheck, args: [] });
    const ask = (path: string) => fetch(`http://127.0.0.1:${port}${path}`);
    const metrics = async () => (await ask('/metrics')).text();
    const labels = { feed: 'jumpcloud', lane: 'live' };
    const received = async () => seriesValue(await metrics(), 'jumpcloud_ocsf_records_received_total', labels) ?? 0;

    await until(() => ask('/readyz').then((answer) => answer.status === 200), child, log);
    await until(async () => (await received()) >= 150, child, log);
    expect((await ask('/healthz')).status).toBe(200);
    expect(parseMetrics(await metrics()).get('jumpcloud_ocsf_build_info')?.samples[0]?.labels.version).toBe(
      product.version,
    );
    expect(await health().ended).toEqual([0, null]);
    const delivered = parseMetrics(await metrics())
      .get('jumpcloud_ocsf_events_published_total')!
      .samples.reduce((sum, { value }) => sum + value, 0);
    expect(delivered).toBeGreaterThan(120);

    child.kill('SIGTERM');
    expect(await ended, await log).toEqual([0, null]);
    const after = health();
    expect(await after.ended).toEqual([1, null]);
    expect(await after.log).toMatch(/ECONNREFUSED/);

    const query = start({ volume, args: ['query', 'SELECT count(*) AS n FROM events', '--format', 'json'] });
    const answer = await query.output;
    expect(await query.ended, await query.log).toEqual([0, null]);
    expect(Number(/"n": *"?(\d+)/.exec(answer)?.[1])).toBe(delivered);
    const modes = readdirSync(volume, { recursive: true, encoding: 'utf8' }).map(
      (path) => statSync(join(volume, path)).mode & 0o077,
    );
    expect(modes.length).toBeGreaterThan(3);
    expect(new Set(modes)).toEqual(new Set([0]));
  });
});

/** Waits until `holds`; fails with the log where the program ends before, or two minutes are over. */
async function until(holds: () => Promise<boolean>, child: ChildProcess, log: Promise<string>): Promise<void> {
  const end = Date.now() + 120_000;
  while (!(await holds().catch(() => false))) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`it has ended: ${await log}`);
    if (Date.now() > end) {
      child.kill('SIGKILL');
      throw new Error(`not in two minutes: ${await log}`);
    }
    await sleep(200);
  }
}
