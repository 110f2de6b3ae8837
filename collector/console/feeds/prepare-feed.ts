import { isObject, type JsonValue } from '../../../mappings/json.js';
import type { ConfiguredFeed, InvalidFeed } from '../../config/configured-feed.js';
import { kafkaOf, tablesDirectoryOf } from '../../config/destination.js';
import { takeSecret } from '../../config/secret.js';
import type { Settings } from '../../config/setting.js';
import { refused } from '../problem.js';
import { inheritedAndMoved, movedAddresses } from './address-rule.js';
import { type Document, fingerprintOf, keyNamedIn, pointerOf, SECRET_KEYS, valueAt, withValue } from './document.js';
import { type FeedStore, isFeedName, type ManagedFeed, storedFingerprint } from './feed-store.js';
import { pathBelow, ROOT_OF, type Roots } from './path-rule.js';

/** A document that passed every check, ready to be saved or tested. */
export interface Candidate {
  readonly name: string;
  /** With secrets as fingerprints or references. */
  readonly document: Document;
  readonly secrets: ReadonlyMap<string, string>;
  readonly paths: ReadonlyMap<string, string>;
  /** As it would be in force. */
  readonly configured: ConfiguredFeed;
  readonly notes: readonly string[];
}

export interface PrepareOptions {
  readonly store: FeedStore;
  readonly roots: Roots;
  /** Hosts, with or without port, that an address may name. */
  readonly addresses: ReadonlySet<string>;
  /** As `Supervisor.readFeed`. */
  readonly readFeed: (name: string, yaml: string, file: string) => ConfiguredFeed | InvalidFeed;
  /** Masks a secret from now on. */
  readonly redact: (secret: string) => void;
}

interface Problem {
  readonly pointer: string;
  readonly message: string;
}

const ADDRESS_KEYS = ['jumpcloud.baseUrl', 'jumpcloud.consoleUrl', 'jumpcloud.tokenUrl', 'kafka.sasl.tokenEndpoint'];
/** What response may do is the operator's to say, in a file; here it gets its service account. */
const OF_RESPONSE = ['clientId', 'clientSecret', 'orgId', 'secretExpires'];
/** What a page shows in the place of a secret, sent back. */
const LOOKS_MASKED = /^[*•●·∙▪…\u2022]+[^*•]{0,4}$|\*{3,}|^\[secret\]$/;

/**
 * Makes of what was sent what would be saved: resolves secrets, holds addresses and paths to what may be named over the
 * API, and has the configuration checked. Nothing is written, no address is asked.
 * @param before the feed in place
 * @throws Refused with the places in the document
 */
export async function prepareFeed(
  name: string,
  given: Document,
  before: ManagedFeed | undefined,
  options: PrepareOptions,
): Promise<Candidate> {
  if (!isFeedName(name) || given.name !== name)
    throw refused(
      422,
      'NAME',
      'The name in the document is not that of the address, or is none.',
      'Send name as in the address: 1 to 64 letters, digits, dots, dashes or underscores.',
      {
        problems: [{ pointer: '/name', message: 'must be the name in the address' }],
      },
    );
  const { document, secrets, paths, kept } = await resolveSecrets(name, given, before, options);
  const own = ownSettings(name, options);
  const problems: Problem[] = [
    ...judgeResponse(document.respond),
    ...(await judgePaths(document, paths, options.roots)),
    ...judgeAddresses(document, options.addresses),
    ...judgeBrokers(document, options.addresses, own),
  ];
  if (problems.length > 0)
    throw refused(
      422,
      'NOT_ALLOWED',
      problems[0]!.message,
      'Correct what is named; console.roots and console.addresses say what may be given here.',
      {
        problems,
      },
    );
  refuseMoved(
    kept.map((path) => ({ path, moved: movedAddresses(path, before?.document ?? {}, document) })),
    'A stored secret follows its address: where that changes, the secret is not sent there.',
  );
  const configured = check(name, document, secrets, paths, options);
  refuseMoved(
    inheritedAndMoved(own, configured.settings),
    'A secret of the operator’s own follows its address: it is not sent to one that is given here.',
  );
  return { name, document, secrets, paths, configured, notes: configured.notes };
}

async function resolveSecrets(
  name: string,
  given: Document,
  before: ManagedFeed | undefined,
  { store, roots, redact }: PrepareOptions,
): Promise<{ document: Document; secrets: Map<string, string>; paths: Map<string, string>; kept: string[] }> {
  let document = given;
  const secrets = new Map<string, string>();
  const paths = new Map<string, string>();
  const kept: string[] = [];
  for (const key of SECRET_KEYS) {
    const { path, segments } = key;
    const value = valueAt(given, segments);
    const present = before === undefined ? undefined : valueAt(before.document, segments);
    const asked = value === undefined ? present : value;
    if (asked === undefined) continue;
    if (asked === null) {
      document = withValue(document, segments, undefined);
      continue;
    }
    if (typeof asked === 'string') {
      if (LOOKS_MASKED.test(asked.trim()))
        throw refused(
          400,
          'MASK',
          `${path} looks like the mask of a secret, not like a secret.`,
          'Leave it out to keep the stored one, or type the secret.',
          {
            problems: [{ pointer: pointerOf(path), message: 'is a mask' }],
          },
        );
      const taken = takeSecret(key, asked, path);
      if (taken.secret === undefined)
        throw refused(
          422,
          'CONFIG_INVALID',
          taken.problem?.message ?? `${path} is no secret`,
          'Paste it again, whole.',
          {
            problems: [{ pointer: pointerOf(path), message: taken.problem?.message ?? 'is no secret' }],
          },
        );
      const text = taken.secret.reveal();
      redact(text);
      secrets.set(path, text);
      document = withValue(document, segments, { stored: fingerprintOf(text) });
      continue;
    }
    const fingerprint = storedFingerprint(asked);
    if (fingerprint !== undefined) {
      if (storedFingerprint(present) !== fingerprint || (await store.secret(name, path, fingerprint)) === undefined)
        throw refused(
          409,
          'SECRET_GONE',
          `The stored ${path} is not that one any more.`,
          'Read the feed again, or type the secret.',
          {
            problems: [{ pointer: pointerOf(path), message: 'is not the stored secret' }],
          },
        );
      kept.push(path);
      document = withValue(document, segments, { stored: fingerprint });
      continue;
    }
    const file = fileOf(asked);
    if (file === undefined) continue;
    const below = await pathBelow(roots.secrets, file);
    if (below === undefined) throw outside(path, 'secrets');
    paths.set(path, below);
    // The same file again is a secret that was not typed.
    const then = present === undefined ? undefined : fileOf(present);
    if (then !== undefined && (await pathBelow(roots.secrets, then)) === below) kept.push(path);
    // What else the object holds is judged by nobody, and would be stored and shown.
    document = withValue(document, segments, { file });
  }
  return { document, secrets, paths, kept };
}

function outside(path: string, root: string) {
  const message = `${path} is not below console.roots.${root}`;
  return refused(422, 'NOT_ALLOWED', `${message}.`, 'Name a file below that directory, or give the secret itself.', {
    problems: [{ pointer: pointerOf(path), message }],
  });
}

function fileOf(value: JsonValue): string | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  return typeof value.file === 'string' ? value.file : undefined;
}

/** Paths of directories and certificates; those that are allowed are added to `paths` as absolute ones. */
async function judgePaths(document: Document, paths: Map<string, string>, roots: Roots): Promise<Problem[]> {
  const problems: Problem[] = [];
  for (const [path, root] of ROOT_OF) {
    const given = valueAt(document, path.split('.'));
    if (typeof given !== 'string') continue;
    const below = await pathBelow(roots[root], given);
    if (below === undefined) problems.push({ pointer: pointerOf(path), message: `is not below console.roots.${root}` });
    else paths.set(path, below);
  }
  return problems;
}

function judgeAddresses(document: Document, addresses: ReadonlySet<string>): Problem[] {
  return ADDRESS_KEYS.flatMap((path) => {
    const given = valueAt(document, path.split('.'));
    if (typeof given !== 'string' || !URL.canParse(given)) return [];
    const { host, hostname } = new URL(given);
    if (addresses.has(host) || addresses.has(hostname)) return [];
    return [{ pointer: pointerOf(path), message: `names a host that is not among console.addresses` }];
  });
}

function judgeResponse(given: JsonValue | undefined): Problem[] {
  const names = given !== undefined && isObject(given) ? Object.keys(given) : [];
  return names
    .filter((name) => !OF_RESPONSE.includes(name))
    .map((name) => ({
      pointer: `/respond/${name}`,
      message: `respond.${name} is set in the operator’s own files alone`,
    }));
}

/** Brokers that are the operator's own, or whose host may be named. */
function judgeBrokers(document: Document, addresses: ReadonlySet<string>, own: Settings | undefined): Problem[] {
  const given = valueAt(document, ['kafka', 'brokers']);
  const known = own?.get('kafka.brokers')?.value;
  const isAllowed = (broker: JsonValue) =>
    typeof broker !== 'string' ||
    addresses.has(broker) ||
    addresses.has(broker.replace(/:\d+$/, '')) ||
    (Array.isArray(known) && known.includes(broker));
  if (!Array.isArray(given) || given.every(isAllowed)) return [];
  return [
    {
      pointer: '/kafka/brokers',
      message: 'names a broker that is neither the operator’s own nor among console.addresses',
    },
  ];
}

/** What is in force for a feed whose document says nothing; undefined: that is not valid. */
function ownSettings(name: string, { readFeed }: PrepareOptions): Settings | undefined {
  const read = readFeed(name, `name: ${JSON.stringify(name)}\n`, `${name}.yaml`);
  return 'config' in read ? read.settings : undefined;
}

function refuseMoved(
  secrets: readonly { readonly path: string; readonly moved: readonly string[] }[],
  detail: string,
): void {
  const problems = secrets.flatMap(({ path, moved }) =>
    moved.length === 0
      ? []
      : [{ pointer: pointerOf(path), message: `must be typed again, since ${moved.join(', ')} changed` }],
  );
  if (problems.length === 0) return;
  throw refused(422, 'CREDENTIAL_NEEDED', detail, 'Type the secret again together with the change.', { problems });
}

function check(
  name: string,
  document: Document,
  secrets: ReadonlyMap<string, string>,
  paths: ReadonlyMap<string, string>,
  { store, readFeed }: PrepareOptions,
): ConfiguredFeed {
  let inline = document;
  for (const [path, text] of secrets) inline = withValue(inline, path.split('.'), text);
  const yaml = store.yamlOf(inline, name, paths);
  const read = readFeed(name, yaml, `${name}.yaml`);
  if ('config' in read) return read;
  const problems = read.problems.map(({ message, where }) => ({
    pointer: pointerIn(message, where, yaml),
    message,
  }));
  throw refused(
    422,
    'CONFIG_INVALID',
    problems[0]?.message ?? 'The configuration is not valid.',
    'Correct what is named.',
    {
      problems,
    },
  );
}

/** The place in the document that a problem is about: the key that it names, else what stands in the line that it names. */
function pointerIn(message: string, where: string, yaml: string): string {
  const key = keyNamedIn(message) ?? keyNamedIn(where) ?? pathOfLine(yaml, Number(/:(\d+)$/.exec(where)?.[1]));
  return key === undefined ? '' : pointerOf(key);
}

/** The path of the member that a line of the store's YAML begins; undefined: it begins none. */
function pathOfLine(yaml: string, line: number): string | undefined {
  const open: string[] = [];
  for (const text of yaml.split('\n').slice(0, line)) {
    const [, indent = '', name] = /^( *)([A-Za-z][\w-]*):/.exec(text) ?? [];
    if (name !== undefined) open.splice(indent.length / 2, open.length, name);
  }
  return open.length === 0 ? undefined : open.join('.');
}

/** What has to be confirmed before a change is made; undefined: nothing. */
export function confirmationFor(
  before: ConfiguredFeed | null | undefined,
  after: ConfiguredFeed,
): { readonly confirm: 'new-position' | 'other-organization'; readonly detail: string } | undefined {
  if (before === null || before === undefined) return undefined;
  const placeOf = ({ config }: ConfiguredFeed) => {
    const kafka = kafkaOf(config);
    const topics = kafka && [kafka.brokers, kafka.topicPrefix, [...kafka.topics.names]];
    return JSON.stringify([config.sink, tablesDirectoryOf(config), topics]);
  };
  if (placeOf(before) !== placeOf(after))
    return {
      confirm: 'new-position',
      detail:
        'The position lies with the data: at the new destination the feed begins at its start; nothing is copied.',
    };
  const sourceOf = ({ config: { jumpcloud } }: ConfiguredFeed) =>
    `${jumpcloud.endpoints.baseUrl} ${jumpcloud.orgId ?? ''}`;
  if (sourceOf(before) !== sourceOf(after))
    return {
      confirm: 'other-organization',
      detail:
        'The stored position belongs to the organization and address that it was made with: with another one the feed stops.',
    };
  return undefined;
}
