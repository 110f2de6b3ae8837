import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { keys } from '../../collector/config/keys.js';
import { loadConfig } from '../../collector/config/load-config.js';
import { parseDockerfile } from './dockerfile.js';

interface Service {
  readonly environment?: Readonly<Record<string, string | number>>;
  readonly secrets?: readonly string[];
  readonly volumes?: readonly string[];
  readonly ports?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: object;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
}
interface Compose {
  readonly include?: readonly string[];
  readonly services: Readonly<Record<string, Service>>;
  readonly secrets?: Readonly<Record<string, object>>;
  readonly volumes?: Readonly<Record<string, object>>;
}

const deploy = fileURLToPath(new URL('../../deploy/', import.meta.url));
const read = (name: string) => parse(readFileSync(`${deploy}${name}`, 'utf8')) as Compose;
const compose = read('compose.yaml');
const collector = compose.services.collector!;
const environment = collector.environment!;

it('the compose file sets variables that the collector reads, and mounts the secrets they name', () => {
  const names = keys.flatMap(({ env, fileEnv }) => [env, fileEnv]);
  for (const [name, value] of Object.entries(environment)) {
    expect(names).toContain(name);
    if (!name.endsWith('_FILE')) continue;
    const secret = String(value).replace('/run/secrets/', '');
    expect(collector.secrets).toContain(secret);
    expect(Object.keys(compose.secrets ?? {})).toContain(secret);
  }
  for (const name of Object.keys(environment)) expect(name).not.toMatch(/(KEY|SECRET|TOKEN|PASSWORD)$/);
});

it('the compose file runs the image as it is meant: read-only, its volume mounted, its port on loopback', () => {
  const image = parseDockerfile(readFileSync(`${deploy}../Dockerfile`, 'utf8')).stages.at(-1)!.instructions;
  const said = (name: string) => image.find((instruction) => instruction.name === name)!.rest;
  expect(collector.volumes).toEqual([`data:${said('VOLUME')}`]);
  expect(Object.keys(compose.volumes ?? {})).toEqual(['data']);
  expect(collector.ports).toEqual([`127.0.0.1:${said('EXPOSE')}:${said('EXPOSE')}`]);
  expect(collector).toMatchObject({ read_only: true, cap_drop: ['ALL'] });
});

it('asks for a token where its port leaves loopback, which is in every container', () => {
  expect(collector.secrets).toContain('http-token');
  expect(environment.HTTP_TOKEN_FILE).toBe('/run/secrets/http-token');
});

it('the console that is added to it is reached from this machine alone, by the address that it takes', () => {
  const { environment: more, ports } = read('compose.console.yaml').services.collector!;
  const { shared } = loadConfig({
    env: Object.fromEntries(Object.entries(more!).map(([name, value]) => [name, String(value)])),
    readFile: () => ({ text: '', mode: 0o400 }),
    readDirectory: () => [],
  });
  expect(shared.console.enabled).toBe(true);
  const { port, hostname } = new URL(shared.console.publicUrl!);
  expect([hostname, Number(port)]).toEqual(['127.0.0.1', shared.console.port]);
  expect(ports).toEqual([`127.0.0.1:${port}:${port}`]);
  const volume = collector.volumes![0]!.split(':')[1]!;
  for (const path of [shared.console.directory, shared.console.roots.tables!])
    expect(path.startsWith(`${volume}/`)).toBe(true);
});

it('the broker it waits for is that of the included file, with a health check and an address for it', () => {
  expect(compose.include).toEqual(['compose.kafka.yaml']);
  const [name] = Object.keys(collector.depends_on ?? {});
  const broker = read('compose.kafka.yaml').services[name ?? ''];
  expect(broker?.healthcheck).toBeDefined();
  expect(JSON.stringify(broker?.environment)).toContain(`://${environment.KAFKA_BROKERS}`);
});
