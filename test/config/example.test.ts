import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { keys } from '../../collector/config/keys.js';
import { loadConfig } from '../../collector/config/load-config.js';
import { certificate, files, privateKey } from './files.js';

const example = readFileSync(new URL('../../deploy/config.example.yaml', import.meta.url), 'utf8');
/** A # with no space behind it takes a key out; a # with a space is a comment. */
const everything = example
  .replace(/^( *)#(?! |$)/gm, '$1')
  .replace(/^#( +(?:- name|jumpcloud:|orgId|apiKey|poll:|start))/gm, '$1');
const disk = files({
  'config.yaml': example,
  'everything.yaml': everything,
  '/run/secrets/jumpcloud-api-key': 'k1',
  '/run/secrets/jumpcloud-client-secret': 'k2',
  '/run/secrets/jumpcloud-respond-secret': 'k9',
  '/run/secrets/jumpcloud-inventory-secret': 'k11',
  '/run/secrets/kafka-client-key.pem': privateKey,
  '/run/secrets/kafka-password': 'k3',
  '/run/secrets/kafka-client-secret': 'k4',
  '/run/secrets/http-token': 'k5-of-16-letters',
  '/run/secrets/globex-api-key': 'k6',
  '/run/secrets/console-key.pem': privateKey,
  '/run/secrets/console-admin-password': 'k8-of-16-letters',
  '/etc/jumpcloud-ocsf/console.pem': certificate,
  '/run/secrets/webhook-secret': 'k9-of-16-letters',
  '/run/secrets/webhook-previous-secret': 'k10-of-16-letters',
  '/run/secrets/receiver-key.pem': privateKey,
  '/etc/jumpcloud-ocsf/receiver.pem': certificate,
  '/etc/jumpcloud-ocsf/ca.pem': certificate,
  '/etc/jumpcloud-ocsf/kafka-ca.pem': certificate,
  '/etc/jumpcloud-ocsf/kafka-client.pem': certificate,
});

describe('the example of the configuration', () => {
  it('loads as it stands', () => {
    const { feeds, notes } = loadConfig({ env: { CONFIG_FILE: 'config.yaml' }, readFile: disk });
    expect(feeds).toMatchObject([{ name: 'acme', sink: 'tables', contact: { email: 'soc@example.com' } }]);
    expect(notes).toEqual([]);
  });

  it('loads with every key taken in, and then holds every key there is', () => {
    const { feeds, effective } = loadConfig({ env: { CONFIG_FILE: 'everything.yaml' }, readFile: disk });
    expect(feeds.map((feed) => feed.name)).toEqual(['acme', 'globex']);
    const set = [...effective[0]!.values()].filter(({ origin }) => origin.kind === 'file').map(({ key }) => key.path);
    // The list of feeds stands where feeds.directory would.
    expect([...set, 'feeds.directory']).toEqual(keys.map((key) => key.path));
  });

  it.each(keys.filter((key) => key.schema.default !== undefined).map((key) => [key.path, key] as const))(
    'shows the default of %s where it is commented out',
    (path, key) => {
      const commented = new RegExp(`^ *#${key.segments.at(-1)}:`, 'm').test(example);
      const { effective } = loadConfig({ env: { CONFIG_FILE: 'everything.yaml' }, readFile: disk });
      const setHere = ['name', 'sink', 'tables.directory', 'state.directory'];
      expect(commented || setHere.includes(path)).toBe(true);
      if (!setHere.includes(path) && path !== 'kafka.tls.enabled')
        expect(effective[0]!.get(path)!.value).toEqual(key.schema.default);
    },
  );

  it('names the variable of every key', () => {
    const named = new Set(example.match(/[A-Z][A-Z_]+/g));
    expect(keys.filter((key) => !named.has(key.env)).map((key) => key.env)).toEqual([]);
  });
});
