/*
 * A feed's configuration: changed with the difference before the save, its revisions, copies, removal.
 */
import type { ComponentChildren } from 'preact';
import { useEffect, useMemo, useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import type { SchemaNode } from '../../config/keys.js';
import type { Catalogue, FeedDocument, FeedStatus, Json, Problem } from '../answers.js';
import { keepCopy } from './add-state.js';
import { ask, call, lines, Refusal } from './api.js';
import { Columns } from './columns.js';
import { ConnectionTest, useConnectionTest } from './connection-test.js';
import { CopyAs } from './copy-as-panel.js';
import { Dialog } from './dialog.js';
import { type Change, changesBetween, type Document, shown } from './feed-document.js';
import { ConfigurationFields, ContactFields } from './feed-form.js';
import type { TabProps } from './feed-page.js';
import { TextField } from './form.js';
import { ErrorSummary, errorsOf } from './form-errors.js';
import { Instant } from './instant.js';
import { Loaded } from './page.js';
import { usePolled } from './polled.js';
import { Failure, Message } from './problem.js';
import { formKeys } from './schema-keys.js';
import { Scrolled } from './scrolled.js';
import { useManages } from './session.js';
import { Text } from './text.js';

export function Settings({ name, status, again }: TabProps) {
  const manages = useManages();
  const isReadOnly = !manages || status.provenance.readOnly;
  const catalogue = usePolled('catalogue', {}, 0);
  const schema = usePolled('configSchema', {}, 0);
  return (
    <Loaded from={catalogue}>
      {(known) => (
        <Loaded from={schema}>
          {(node) => {
            const material = { catalogue: known, schema: node as unknown as SchemaNode };
            return (
              <>
                {isReadOnly ? (
                  <ReadOnly status={status} {...material} />
                ) : (
                  <Editor name={name} status={status} again={again} {...material} />
                )}
                <Disclosed summary="Every key in force, and where it comes from">
                  <EffectiveTable name={name} />
                </Disclosed>
                <Disclosed summary="Revisions">
                  <RevisionList name={name} canRestore={!isReadOnly} again={again} />
                </Disclosed>
                {!isReadOnly && <Removal name={name} etag={status.etag} sink={status.view?.sink.kind ?? 'tables'} />}
              </>
            );
          }}
        </Loaded>
      )}
    </Loaded>
  );
}

interface Material {
  readonly catalogue: Catalogue;
  readonly schema: SchemaNode;
}

function ReadOnly({ status, schema }: { readonly status: FeedStatus } & Material) {
  const document = usePolled('getFeed', { path: { name: status.name } }, 0);
  const test = useConnectionTest((signal) => lines('testFeed', { path: { name: status.name }, signal }));
  return (
    <>
      <Message tone="neutral">
        {status.provenance.readOnly ? (
          <>
            This feed is written down in <Text>{status.provenance.where}</Text>: it is changed there, and the console
            only shows it.
          </>
        ) : (
          'You may look at these settings; an administrator changes them.'
        )}
      </Message>
      <TestButton test={test} />
      <Loaded from={document}>{(value) => <CopyAs document={value as Document} keys={formKeys(schema)} />}</Loaded>
    </>
  );
}

function TestButton({ test }: { readonly test: ReturnType<typeof useConnectionTest> }) {
  return (
    <>
      <ConnectionTest state={test.state} onCancel={test.cancel} />
      <div class="actions">
        <button type="button" onClick={test.run} disabled={test.state.isRunning}>
          Test connection
        </button>
      </div>
    </>
  );
}

interface Loadedfeed {
  readonly document: Document;
  readonly etag: string;
}

function Editor({ name, status, again, ...material }: TabProps & Material) {
  const [base, setBase] = useState<Loadedfeed>();
  const [document, setDocument] = useState<Document>({});
  const [error, setError] = useState<unknown>();
  const [isComparing, setComparing] = useState(false);
  const [said, setSaid] = useState<string>();
  const [version, setVersion] = useState(0);
  const { route } = useLocation();
  const keys = useMemo(() => formKeys(material.schema), [material.schema]);
  const test = useConnectionTest((signal) => lines('testDraft', { body: { document: document as Json }, signal }));
  const load = async () => {
    try {
      const reply = await call('getFeed', { path: { name } });
      setBase({ document: reply.value as Document, etag: reply.headers.get('etag') ?? '' });
      setDocument(reply.value as Document);
      setVersion((count) => count + 1);
      setError(undefined);
    } catch (failure) {
      setError(failure);
    }
  };
  useEffect(() => void load(), [name]);
  if (base === undefined)
    return error === undefined ? <p class="loading">Loading…</p> : <Failure error={error} retry={load} />;
  const changes = changesBetween(base.document, document);
  const save = async (confirm?: Problem['confirm']) => {
    setSaid(undefined);
    try {
      const reply = await call('putFeed', {
        path: { name },
        query: { confirm },
        body: document as FeedDocument,
        headers: { 'if-match': base.etag },
      });
      const applied = reply.headers.get('x-applied');
      const notes = JSON.parse(decodeURIComponent(reply.headers.get('x-notes') ?? '%5B%5D')) as string[];
      setSaid([`Saved${applied ? ` and applied: ${applied}` : ''}.`, ...notes].join(' '));
      setComparing(false);
      setError(undefined);
      await load();
      again();
    } catch (failure) {
      setComparing(false);
      setError(failure);
    }
  };
  const problem = error instanceof Refusal ? error.problem : undefined;
  return (
    <form
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        setComparing(true);
      }}
    >
      {status.provenance.kind === 'api' && (
        <Message tone="warn">
          <Text>{status.provenance.where}</Text> manages this feed over the API and will put it back: change it there.
        </Message>
      )}
      {said !== undefined && (
        <Message tone="good" focus>
          <Text>{said}</Text>
        </Message>
      )}
      {problem?.present ? (
        <Message tone="bad" focus>
          <strong>
            <Text>{problem.present.by}</Text> saved this feed in the meantime, <Instant at={problem.present.at} />.
          </strong>
          <p>
            Nothing of yours was saved, nothing of theirs is overwritten. Your form is as you left it: see below what
            you changed.
          </p>
          <Changes of={changes} />
          <button type="button" onClick={load}>
            Load what is in force (drops your changes)
          </button>
        </Message>
      ) : (
        error !== undefined && problem?.confirm === undefined && <ErrorSummary error={error} />
      )}
      <div key={version}>
        <ContactFields
          {...material}
          document={document}
          onDocument={setDocument}
          errors={errorsOf(error)}
          secrets={status.secrets}
          isNew={false}
          taken={[]}
        />
        <ConfigurationFields
          {...material}
          document={document}
          onDocument={setDocument}
          errors={errorsOf(error)}
          secrets={status.secrets}
        />
      </div>
      <CopyAs document={document} keys={keys} />
      <ConnectionTest state={test.state} onCancel={test.cancel} />
      <div class="actions">
        <button type="button" onClick={test.run} disabled={test.state.isRunning}>
          Test connection
        </button>
        <button class="primary" type="submit" disabled={changes.length === 0}>
          Save…
        </button>
        <button
          type="button"
          onClick={() => {
            keepCopy(
              document,
              keys.filter(({ kind }) => kind === 'secret').map(({ path }) => path),
            );
            route('/add/contact');
          }}
        >
          Duplicate…
        </button>
        <span role="status" class="hint">
          {changes.length === 0
            ? 'Nothing is changed.'
            : `${changes.length} ${changes.length === 1 ? 'key is' : 'keys are'} changed.`}
        </span>
      </div>
      {isComparing && (
        <Dialog title="Save these changes?" onClose={() => setComparing(false)}>
          <Changes of={changes} />
          <p class="hint">{effectOf(changes)}</p>
          <div class="actions">
            <button type="button" class="primary" data-first onClick={() => save()}>
              Save and apply
            </button>
            <button type="button" onClick={() => setComparing(false)}>
              Cancel
            </button>
          </div>
        </Dialog>
      )}
      {problem?.confirm !== undefined && (
        <Dialog title="This needs your word" onClose={() => setError(undefined)}>
          <p>
            <Text>{problem.detail}</Text>
          </p>
          <div class="actions">
            <button type="button" data-first onClick={() => setError(undefined)}>
              Cancel
            </button>
            <button type="button" class="danger" onClick={() => save(problem.confirm)}>
              {problem.confirm === 'new-position' ? 'Begin at the new destination' : 'Collect another organization'}
            </button>
          </div>
        </Dialog>
      )}
    </form>
  );
}

const LIVE = /^(description|owners|contact|health\.noDataAfter)/;

/** What a save of these changes does to the feed. */
function effectOf(changes: readonly Change[]): string {
  return changes.every(({ path }) => LIVE.test(path))
    ? 'The feed goes on while this is applied.'
    : 'This feed alone is stopped and started again from its position; all others go on.';
}

function Changes({
  of: changes,
}: {
  readonly of: readonly { readonly path: string; readonly from: Json | undefined; readonly to: Json | undefined }[];
}) {
  return (
    <table class="changes">
      <Columns of={['Key', 'Before', 'After']} />
      <tbody>
        {changes.map(({ path, from, to }) => (
          <tr key={path}>
            <th scope="row">
              <Text>{path}</Text>
            </th>
            <td>
              <Text>{isSecretPath(path) ? hidden(from) : shown(from)}</Text>
            </td>
            <td>
              <Text>{isSecretPath(path) ? hidden(to) : shown(to)}</Text>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

const isSecretPath = (path: string): boolean => /(apiKey|[sS]ecret|password|tls\.key)$/.test(path);
const hidden = (value: Json | undefined): string =>
  typeof value === 'string' && !value.startsWith('sha256:') ? 'a new one' : shown(value);

function EffectiveTable({ name }: { readonly name: string }) {
  const effective = usePolled('feedEffective', { path: { name } }, 0);
  return (
    <Loaded from={effective}>
      {({ keys }) => (
        <Scrolled label="Keys in force">
          <table>
            <Columns of={['Key', 'Value', 'From']} />
            <tbody>
              {keys.map(({ path, value, origin }) => (
                <tr key={path}>
                  <th scope="row">
                    <code>{path}</code>
                  </th>
                  <td>
                    <Text>{shown(value)}</Text>
                  </td>
                  <td>
                    <Text>{`${origin.kind} ${origin.name}`}</Text>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scrolled>
      )}
    </Loaded>
  );
}

/** What is fetched only once it is looked at. */
function Disclosed({ summary, children }: { readonly summary: string; readonly children: ComponentChildren }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <details class="section" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{summary}</summary>
      {isOpen && children}
    </details>
  );
}

function RevisionList({
  name,
  canRestore,
  again,
}: {
  readonly name: string;
  readonly canRestore: boolean;
  readonly again: () => void;
}) {
  const list = usePolled('feedRevisions', { path: { name } }, 0);
  const [error, setError] = useState<unknown>();
  const restore = async (number: number) => {
    setError(undefined);
    try {
      await ask('restoreRevision', { path: { name, number: String(number) } });
      list.again();
      again();
    } catch (failure) {
      setError(failure);
    }
  };
  return (
    <Loaded from={list}>
      {({ revisions }) => (
        <>
          {error !== undefined && <Failure error={error} focus />}
          {revisions.length === 0 && <p>None: the feed is not kept by the console.</p>}
          <ul class="rows">
            {revisions.map(({ number, by, at, action, changes }, index) => (
              <li key={number}>
                <div class="grow">
                  <strong>r{number}</strong> {action} by <Text>{by}</Text>, <Instant at={at} />
                  {changes.length > 0 && (
                    <details>
                      <summary>{changes.length === 1 ? '1 change' : `${changes.length} changes`}</summary>
                      <Changes of={changes} />
                    </details>
                  )}
                </div>
                {canRestore && index > 0 && (
                  <button type="button" onClick={() => restore(number)}>
                    Put in force again
                  </button>
                )}
              </li>
            ))}
          </ul>
        </>
      )}
    </Loaded>
  );
}

/** Removal says what goes and what stays, takes the name as a word, and can be undone. */
function Removal({ name, etag, sink }: { readonly name: string; readonly etag: string | null; readonly sink: string }) {
  const [isOpen, setOpen] = useState(false);
  const [typed, setTyped] = useState('');
  const [tablesGo, setTablesGo] = useState(false);
  const [error, setError] = useState<unknown>();
  const { route } = useLocation();
  const remove = async (event: Event) => {
    event.preventDefault();
    setError(undefined);
    try {
      await call('deleteFeed', {
        path: { name },
        query: { tables: tablesGo ? 'remove' : undefined },
        headers: etag === null ? {} : { 'if-match': etag },
      });
      route('/feeds');
    } catch (failure) {
      setError(failure);
    }
  };
  return (
    <section class="section">
      <button type="button" class="danger" onClick={() => setOpen(true)}>
        Remove this feed…
      </button>
      {isOpen && (
        <Dialog title={`Remove ${name}`} onClose={() => setOpen(false)}>
          <form onSubmit={remove}>
            {error !== undefined && <Failure error={error} focus />}
            <table class="cards">
              <Columns of={['What goes', 'What stays']} />
              <tbody>
                <tr>
                  <td class="wide" data-label="What goes">
                    The feed and its stored secret. For 30 days it can be restored from the list of feeds. The key at
                    JumpCloud is not revoked: do that there.
                    {tablesGo &&
                      ' Once it can no longer be restored, also its tables with their events, dead letters and position.'}
                  </td>
                  <td class="wide" data-label="What stays">
                    {tablesGo
                      ? 'Everything for 30 days: a feed that is restored by then goes on from its position.'
                      : `${sink === 'kafka' ? 'Topics with their records' : 'Tables with their events'}, dead letters, and the position: a restored feed goes on from there.`}
                  </td>
                </tr>
              </tbody>
            </table>
            {sink === 'tables' && (
              <label>
                <input
                  type="checkbox"
                  checked={tablesGo}
                  onChange={({ currentTarget }) => setTablesGo(currentTarget.checked)}
                />{' '}
                Delete its tables and position too, in 30 days
              </label>
            )}
            {sink === 'kafka' && (
              <p class="dim">
                Topics are shared by the feeds of one prefix. To delete one whose events nobody needs:{' '}
                <code>kafka-topics.sh --bootstrap-server BROKER --delete --topic TOPIC</code>
              </p>
            )}
            <TextField label={`Type the feed’s name, ${name}`} value={typed} onValue={setTyped} first />
            <div class="actions">
              <button type="submit" class="danger" disabled={typed !== name}>
                Remove
              </button>
              <button type="button" onClick={() => setOpen(false)}>
                Cancel
              </button>
            </div>
          </form>
        </Dialog>
      )}
    </section>
  );
}
