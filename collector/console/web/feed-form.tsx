/*
 * The configuration of a feed as a form: what most feeds need by the field's own words, all the rest below.
 */
import { useMemo, useState } from 'preact/hooks';
import type { SchemaNode } from '../../config/keys.js';
import type { Catalogue, Json, StoredSecret } from '../answers.js';
import { type Document, valueAt, withValue } from './feed-document.js';
import { ChoiceField, SelectField, TextField } from './form.js';
import { ApiKeyClicks, OrganizationClicks, ServiceAccountClicks } from './jumpcloud-clicks.js';
import { KeyField } from './key-field.js';
import { Owners } from './owners.js';
import { type FormKey, formKeys } from './schema-keys.js';
import { SEED_WORDS } from './seed-words.js';

export interface FeedFormProps {
  readonly schema: SchemaNode;
  readonly catalogue: Catalogue;
  readonly document: Document;
  readonly onDocument: (document: Document) => void;
  /** What is wrong, by path. */
  readonly errors: ReadonlyMap<string, string>;
  readonly secrets: Readonly<Record<string, StoredSecret>>;
}

const INTERVALS = [
  { value: '60s', label: 'every minute' },
  { value: '5m', label: 'every 5 minutes' },
  { value: '15m', label: 'every 15 minutes' },
  { value: '1h', label: 'every hour' },
  { value: '6h', label: 'every 6 hours' },
  { value: 'never', label: SEED_WORDS.disabled },
];

const STARTS = [
  { value: '24h', label: '24 hours ago' },
  { value: '7d', label: '7 days ago' },
  { value: '30d', label: '30 days ago' },
  { value: '90d', label: '90 days ago: as far as JumpCloud keeps records' },
];

const SINKS: Readonly<Record<string, string>> = {
  tables: 'Tables that analysts query here',
  kafka: 'Kafka',
  stdout: 'Standard output',
};

const EVENT_TYPES = [
  { value: 'login', label: 'login', hint: 'logins to the portal, SSO, RADIUS, LDAP, devices' },
  { value: 'admin', label: 'admin', hint: 'what administrators and the directory changed' },
  { value: 'other', label: 'other', hint: 'everything else' },
];

/** Keys that have a place of their own above *All settings*, or on another page. */
const PLACED = new Set([
  'contact.name',
  'contact.email',
  'owners',
  'description',
  'account.name',
  'account.tag',
  'jumpcloud.baseUrl',
  'jumpcloud.authorization',
  'jumpcloud.apiKey',
  'jumpcloud.clientId',
  'jumpcloud.clientSecret',
  'jumpcloud.orgId',
  'jumpcloud.keyCreated',
  'jumpcloud.keyLifetime',
  'jumpcloud.eventTypes',
  'poll.interval',
  'poll.start',
  'sink',
  'tables.directory',
  'kafka.brokers',
]);

interface Editing extends FeedFormProps {
  readonly key: (path: string) => FormKey;
  readonly text: (path: string) => string;
  readonly set: (path: string, value: Json | undefined) => void;
}

function useEditing(props: FeedFormProps): Editing {
  const keys = useMemo(() => new Map(formKeys(props.schema).map((key) => [key.path, key])), [props.schema]);
  const absent = (path: string): FormKey => ({
    path,
    title: path,
    description: '',
    kind: 'text',
    choices: [],
    default: undefined,
    example: undefined,
    expected: '',
    environment: undefined,
  });
  return {
    ...props,
    key: (path) => keys.get(path) ?? absent(path),
    text: (path) => {
      const value = valueAt(props.document, path);
      return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
    },
    set: (path, value) => props.onDocument(withValue(props.document, path, value)),
  };
}

/** Contact information: who owns the feed and how it is called. */
export function ContactFields(props: FeedFormProps & { readonly isNew: boolean; readonly taken: readonly string[] }) {
  const { text, set, errors, key, document } = useEditing(props);
  const name = text('name');
  const isTaken = props.isNew && props.taken.includes(name);
  return (
    <>
      {props.isNew && (
        <TextField
          label="Feed name"
          path="name"
          required
          first
          value={name}
          onValue={(value) => set('name', value)}
          error={isTaken ? 'A feed of this name exists already.' : errors.get('name')}
          hint="Names the feed in logs, metrics and file names, and cannot be changed later. 1 to 64 letters, digits, dots, dashes or underscores."
        />
      )}
      <TextField
        label={SEED_WORDS.accountName}
        path="account.name"
        value={text('account.name')}
        onValue={(value) => set('account.name', value || undefined)}
        error={errors.get('account.name')}
        hint={key('account.name').description}
      />
      <ChoiceField
        label="Tag"
        path="account.tag"
        choices={[
          {
            value: 'true',
            label: SEED_WORDS.tag,
            hint: 'every event carries it as AccountName in metadata.tags',
          },
        ]}
        chosen={valueAt(document, 'account.tag') === true ? ['true'] : []}
        onChosen={(chosen) => set('account.tag', chosen.length > 0 ? true : undefined)}
        error={errors.get('account.tag')}
      />
      <TextField
        label={SEED_WORDS.description}
        path="description"
        value={text('description')}
        onValue={(value) => set('description', value || undefined)}
        error={errors.get('description')}
        hint="Up to 500 characters."
      />
      <Owners value={valueAt(document, 'owners')} onValue={(owners) => set('owners', owners)} errors={errors} />
    </>
  );
}

/** How to reach JumpCloud, what to collect and where it goes. */
export function ConfigurationFields(props: FeedFormProps) {
  const editing = useEditing(props);
  const { text, set, errors, key, catalogue, document, secrets } = editing;
  const named = catalogue.regions.find(({ id }) => id === text('jumpcloud.region'));
  const baseUrl = text('jumpcloud.baseUrl') || (named?.baseUrl ?? '');
  const authorization = text('jumpcloud.authorization');
  const sink = text('sink') || 'tables';
  const field = (path: string) => ({
    of: key(path),
    value: valueAt(document, path),
    onValue: (value: Json | undefined) => set(path, value),
    error: errors.get(path),
    stored: secrets[path],
  });
  return (
    <>
      <ChoiceField
        label="Region"
        one
        choices={catalogue.regions.map(({ id, title }) => ({ value: id, label: title }))}
        chosen={catalogue.regions.filter((region) => region.baseUrl === baseUrl).map(({ id }) => id)}
        onChosen={([id]) => {
          const address = catalogue.regions.find((region) => region.id === id)?.baseUrl;
          // The address says the region: two that differ would be refused.
          const rest = withValue(document, 'jumpcloud.region', undefined);
          props.onDocument(withValue(rest, 'jumpcloud.baseUrl', address));
        }}
        hint="Fills in the address below."
      />
      <TextField
        label={SEED_WORDS.baseUrl}
        path="jumpcloud.baseUrl"
        required
        value={baseUrl}
        onValue={(value) => set('jumpcloud.baseUrl', value.trim() || undefined)}
        error={errors.get('jumpcloud.baseUrl')}
        hint={
          Object.keys(secrets).length > 0
            ? 'A stored secret follows its address: after a change here it has to be typed again.'
            : 'Directory Insights, version 1.'
        }
      />
      <SelectField
        label={SEED_WORDS.authorization}
        path="jumpcloud.authorization"
        value={authorization}
        onValue={(value) => set('jumpcloud.authorization', value || undefined)}
        choices={[
          { value: '', label: SEED_WORDS.bearer },
          { value: 'bearer', label: `${SEED_WORDS.bearer} and no other header` },
          { value: 'x-api-key', label: 'x-api-key' },
          { value: 'service-account', label: 'Service account' },
        ]}
        error={errors.get('jumpcloud.authorization')}
        hint={
          authorization === ''
            ? 'Where JumpCloud refuses the key as a bearer token it is tried once as x-api-key; the test says which header it took.'
            : undefined
        }
      />
      {authorization === 'service-account' ? (
        <>
          <KeyField {...field('jumpcloud.clientId')} label="Client ID" hint={<ServiceAccountClicks />} required />
          <KeyField
            {...field('jumpcloud.clientSecret')}
            label="Client Secret"
            hint="Stored apart from the configuration."
            required
          />
        </>
      ) : (
        <>
          <KeyField {...field('jumpcloud.apiKey')} label={SEED_WORDS.token} hint={<ApiKeyClicks />} required />
          <KeyLife {...editing} />
        </>
      )}
      <KeyField {...field('jumpcloud.orgId')} label="Organization ID" hint={<OrganizationClicks />} />
      <ChoiceField
        label={SEED_WORDS.eventTypes}
        path="jumpcloud.eventTypes"
        choices={EVENT_TYPES}
        chosen={(valueAt(document, 'jumpcloud.eventTypes') ?? ['login', 'admin']) as string[]}
        onChosen={(chosen) => {
          const kept = EVENT_TYPES.map(({ value }) => value).filter((value) => chosen.includes(value));
          set('jumpcloud.eventTypes', kept);
        }}
        error={errors.get('jumpcloud.eventTypes')}
      />
      <Chosen
        editing={editing}
        path="poll.interval"
        label={SEED_WORDS.interval}
        choices={INTERVALS}
        standard="60s"
        hint={
          text('poll.interval') === 'never'
            ? 'The feed polls only when Run now is pressed. JumpCloud forgets records after 90 days: the feed says until when it has to run.'
            : 'Time between two polls.'
        }
      />
      <Chosen
        editing={editing}
        path="poll.start"
        label="Start"
        choices={STARTS}
        standard="24h"
        hint="How far back the first synchronization reads. A feed that has run goes on from its position."
      />
      <ChoiceField
        label="Destination"
        path="sink"
        one
        choices={catalogue.sinks.map((value) => ({ value, label: SINKS[value] ?? value }))}
        chosen={[sink]}
        onChosen={([value]) => set('sink', value)}
        error={errors.get('sink')}
      />
      {sink === 'tables' && (
        <KeyField
          {...field('tables.directory')}
          hint={
            catalogue.roots.tables === null
              ? 'Leave it empty: this console takes no path here (console.roots.tables).'
              : `Below ${catalogue.roots.tables}`
          }
        />
      )}
      {sink === 'kafka' && <KeyField {...field('kafka.brokers')} hint="One per line: host:port" required />}
      <AllSettings {...editing} />
    </>
  );
}

/** A choice of usual values, and a field for any other. */
function Chosen({
  editing: { text, set, errors, key },
  path,
  label,
  choices,
  standard,
  hint,
}: {
  readonly editing: Editing;
  readonly path: string;
  readonly label: string;
  readonly choices: readonly { readonly value: string; readonly label: string }[];
  readonly standard: string;
  readonly hint: string;
}) {
  const value = text(path) || standard;
  const [isOther, setOther] = useState(!choices.some((choice) => choice.value === value));
  return (
    <>
      <SelectField
        label={label}
        {...(isOther ? {} : { path })}
        value={isOther ? 'other' : value}
        onValue={(next) => {
          setOther(next === 'other');
          if (next !== 'other') set(path, next);
        }}
        choices={[...choices, { value: 'other', label: 'other…' }]}
        error={isOther ? undefined : errors.get(path)}
        hint={hint}
      />
      {isOther && (
        <TextField
          label={`${label}: other`}
          path={path}
          value={text(path)}
          onValue={(next) => set(path, next || undefined)}
          error={errors.get(path)}
          hint={`Takes ${key(path).expected}.`}
        />
      )}
    </>
  );
}

/** When the key was made and how long it lasts, so that its end is known. */
function KeyLife({ text, set, errors }: Editing) {
  const created = text('jumpcloud.keyCreated');
  const lifetime = text('jumpcloud.keyLifetime') || '90d';
  const days = /^(\d+)d$/.exec(lifetime)?.[1];
  const end =
    created !== '' && days !== undefined ? new Date(Date.parse(created) + Number(days) * 86_400_000) : undefined;
  return (
    <>
      <TextField
        label="Key created on"
        path="jumpcloud.keyCreated"
        value={created}
        onValue={(value) => set('jumpcloud.keyCreated', value || undefined)}
        error={errors.get('jumpcloud.keyCreated')}
        hint="The day on which the key was generated at JumpCloud, such as 2026-11-28 (UTC)."
      />
      <TextField
        label="Key lifetime"
        path="jumpcloud.keyLifetime"
        value={text('jumpcloud.keyLifetime')}
        placeholder="90d"
        onValue={(value) => set('jumpcloud.keyLifetime', value || undefined)}
        error={errors.get('jumpcloud.keyLifetime')}
        hint={
          end !== undefined && !Number.isNaN(end.getTime())
            ? `The key ends on ${end.toISOString().slice(0, 10)} UTC.`
            : 'JumpCloud’s keys last 90 days unless told otherwise.'
        }
      />
    </>
  );
}

/** Every further key of the schema. */
function AllSettings({ schema, document, set, errors, secrets }: Editing) {
  const [wanted, setWanted] = useState('');
  const keys = useMemo(() => formKeys(schema).filter(({ path }) => !PLACED.has(path)), [schema]);
  const hasError = keys.some(({ path }) => errors.has(path));
  const [isOpen, setOpen] = useState(false);
  const found = keys.filter(({ path, title, environment }) =>
    `${path} ${title} ${environment}`.toLowerCase().includes(wanted.toLowerCase()),
  );
  return (
    <details class="section" open={isOpen || hasError} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>All settings ({keys.length} more)</summary>
      {(isOpen || hasError) && (
        <>
          <label>
            <span class="hidden">Search the settings</span>
            <input
              type="search"
              placeholder="Search: kafka, reconcile, …"
              value={wanted}
              onInput={(event) => setWanted(event.currentTarget.value)}
            />
          </label>
          {found.map((key) => (
            <KeyField
              key={key.path}
              of={key}
              label={`${key.title} (${key.path})`}
              value={valueAt(document, key.path)}
              onValue={(value) => set(key.path, value)}
              error={errors.get(key.path)}
              stored={secrets[key.path]}
            />
          ))}
        </>
      )}
    </details>
  );
}
