/*
 * Add New Data Feed: four pages with an address each.
 */
import type { ComponentChildren } from 'preact';
import { useEffect, useMemo, useState } from 'preact/hooks';
import { useLocation } from 'preact-iso';
import type { SchemaNode } from '../../config/keys.js';
import type { Catalogue, FeedDocument, Json } from '../answers.js';
import { beginning, forgetDocument, keepDocument, useDocument } from './add-state.js';
import { feedAddress } from './addresses.js';
import { ask, call, lines } from './api.js';
import { ConnectionTest, useConnectionTest } from './connection-test.js';
import { CopyAs, CopyButton } from './copy-as-panel.js';
import { Dialog } from './dialog.js';
import { type Document, valueAt, withoutSecrets } from './feed-document.js';
import { ConfigurationFields, ContactFields } from './feed-form.js';
import { TextField } from './form.js';
import { ErrorSummary, errorsOf } from './form-errors.js';
import { Frame } from './frame.js';
import { Heading, Loaded } from './page.js';
import { usePolled } from './polled.js';
import { Failure, Message } from './problem.js';
import { formKeys } from './schema-keys.js';
import { SEED_WORDS } from './seed-words.js';
import { Text } from './text.js';

const STEPS = ['Source', 'Collection method', 'Contact information', 'Configuration'] as const;

function Step({
  number,
  title,
  children,
}: {
  readonly number: number;
  readonly title: string;
  readonly children: ComponentChildren;
}) {
  return (
    <Frame
      crumbs={[
        { label: SEED_WORDS.area, href: '/feeds' },
        { label: SEED_WORDS.feeds, href: '/feeds' },
        { label: SEED_WORDS.add },
      ]}
    >
      <Heading
        sub={
          <ol class="steps" aria-label="Steps">
            {STEPS.map((step, index) => (
              <li key={step} aria-current={index === number ? 'step' : undefined}>
                {index + 1}. {step}
              </li>
            ))}
          </ol>
        }
      >
        {title}
      </Heading>
      {children}
    </Frame>
  );
}

/** What all steps need: what can be collected, and the schema of a feed. */
function useMaterial() {
  return { catalogue: usePolled('catalogue', {}, 0), schema: usePolled('configSchema', {}, 0) };
}

export function ChooseSource() {
  const { catalogue } = useMaterial();
  const [wanted, setWanted] = useState('');
  return (
    <Step number={0} title="Choose a source">
      <Loaded from={catalogue}>
        {({ sources }) => {
          const found = sources.filter(({ title }) => title.toLowerCase().includes(wanted.trim().toLowerCase()));
          return (
            <>
              <TextField label="Search" value={wanted} onValue={setWanted} first />
              <p role="status" class="dim">
                {found.length === 0
                  ? `Nothing is called “${wanted}”. Only ${sources.map(({ title }) => title).join(', ')} is built in.`
                  : `${found.length} ${found.length === 1 ? 'source' : 'sources'}`}
              </p>
              <ul class="tiles">
                {found.map((source) => (
                  <li key={source.id}>
                    <a class="tile" href="/add/method">
                      <strong>{source.title}</strong>
                      <span>{source.description}</span>
                      <span class="dim">Needs: {source.needs}</span>
                    </a>
                  </li>
                ))}
              </ul>
            </>
          );
        }}
      </Loaded>
    </Step>
  );
}

export function ChooseMethod() {
  const { catalogue } = useMaterial();
  return (
    <Step number={1} title={`${SEED_WORDS.source}: how to collect`}>
      <Loaded from={catalogue}>
        {({ sources }) => (
          <>
            <ul class="tiles">
              {(sources.find(({ id }) => id === 'jumpcloud')?.methods ?? []).map((method) => (
                <li key={method.id}>
                  <a class="tile" href={method.id === 'api' ? '/add/contact' : `/connect/${method.id}`}>
                    <strong>{method.id === 'api' ? SEED_WORDS.method : method.title}</strong>
                    <span>{method.description}</span>
                  </a>
                </li>
              ))}
            </ul>
            <p class="hint">
              Use a credential that can read and nothing else: an administrator with a read-only role and Directory
              Insights, or a service account.
            </p>
          </>
        )}
      </Loaded>
    </Step>
  );
}

interface Material {
  readonly catalogue: Catalogue;
  readonly schema: SchemaNode;
  readonly taken: readonly string[];
}

/** Draws a step once everything that its form needs is there, and begins a document where there is none. */
function WithMaterial({ children }: { readonly children: (material: Material) => ComponentChildren }) {
  const { catalogue, schema } = useMaterial();
  const list = usePolled('listFeeds', {}, 0);
  const document = useDocument();
  const { query } = useLocation();
  const [draftError, setDraftError] = useState<unknown>();
  const baseUrl = catalogue.value?.regions[0]?.baseUrl;
  useEffect(() => {
    if (query.draft !== undefined && document.name !== query.draft)
      ask('getDraft', { path: { name: query.draft } }).then(
        (draft) => keepDocument(draft.document as Document),
        setDraftError,
      );
    else if (Object.keys(document).length === 0 && baseUrl !== undefined)
      keepDocument(beginning(baseUrl, new Date().toISOString().slice(0, 10)));
  }, [baseUrl, query.draft]);
  if (draftError !== undefined) return <Failure error={draftError} />;
  return (
    <Loaded from={catalogue}>
      {(known) => (
        <Loaded from={schema}>
          {(node) =>
            Object.keys(document).length === 0
              ? null
              : children({
                  catalogue: known,
                  schema: node as unknown as SchemaNode,
                  taken: (list.value?.feeds ?? []).map(({ name }) => name),
                })
          }
        </Loaded>
      )}
    </Loaded>
  );
}

export function ContactInformation() {
  const document = useDocument();
  const { route } = useLocation();
  const [errors, setErrors] = useState<ReadonlyMap<string, string>>(new Map());
  return (
    <Step number={2} title="Contact information">
      <WithMaterial>
        {(material) => (
          <form
            noValidate
            onSubmit={(event) => {
              event.preventDefault();
              const name = String(document.name ?? '');
              if (name === '') setErrors(new Map([['name', 'Give the feed a name.']]));
              else if (!material.taken.includes(name)) {
                route('/add/configuration');
                return;
              }
              window.document.getElementById('key-name')?.focus();
            }}
          >
            <ContactFields
              {...material}
              document={document}
              onDocument={keepDocument}
              errors={errors}
              secrets={{}}
              isNew
            />
            <div class="actions">
              <a class="button" href="/add/method">
                Back
              </a>
              <button class="primary" type="submit">
                {SEED_WORDS.next}
              </button>
            </div>
          </form>
        )}
      </WithMaterial>
    </Step>
  );
}

export function Configuration() {
  return (
    <Step number={3} title="Configuration">
      <WithMaterial>{(material) => <ConfigurationForm {...material} />}</WithMaterial>
    </Step>
  );
}

function ConfigurationForm(material: Material) {
  const document = useDocument();
  const { route } = useLocation();
  const [error, setError] = useState<unknown>();
  const [isBusy, setBusy] = useState(false);
  const [asks, setAsks] = useState<'hand-over' | 'failed-test' | undefined>();
  const keys = useMemo(() => formKeys(material.schema), [material.schema]);
  const secretPaths = useMemo(() => keys.filter(({ kind }) => kind === 'secret').map(({ path }) => path), [keys]);
  const test = useConnectionTest((signal) => lines('testDraft', { body: { document: document as Json }, signal }));
  const name = String(document.name ?? '');
  const isTyped = secretPaths.some((path) => typeof valueAt(document, path) === 'string');
  useEffect(() => {
    if (!isTyped) return;
    const warn = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener('beforeunload', warn);
    return () => removeEventListener('beforeunload', warn);
  }, [isTyped]);

  const submit = async () => {
    setAsks(undefined);
    setBusy(true);
    setError(undefined);
    try {
      await call('putFeed', { path: { name }, body: document as FeedDocument, headers: { 'if-none-match': '*' } });
      forgetDocument();
      route(feedAddress(name));
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  return (
    <form
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        if (test.state.end?.worst === 'failed') setAsks('failed-test');
        else void submit();
      }}
    >
      {error !== undefined && <ErrorSummary error={error} />}
      {name === '' && (
        <Message tone="warn">
          The feed has no name yet. <a href="/add/contact">Go back to contact information.</a>
        </Message>
      )}
      <ConfigurationFields
        {...material}
        document={document}
        onDocument={(next) => keepDocument(next, secretPaths)}
        errors={errorsOf(error)}
        secrets={{}}
      />
      <CopyAs document={document} keys={keys} />
      <ConnectionTest state={test.state} onCancel={test.cancel} />
      <div class="actions">
        <a class="button" href="/add/contact">
          Back
        </a>
        <button type="button" onClick={test.run} disabled={test.state.isRunning}>
          Test connection
        </button>
        <button class="primary" type="submit" disabled={isBusy || name === ''}>
          {SEED_WORDS.submit}
        </button>
        <button type="button" disabled={name === ''} onClick={() => setAsks('hand-over')}>
          Hand over…
        </button>
      </div>
      {asks === 'failed-test' && (
        <Dialog title="The test failed" onClose={() => setAsks(undefined)}>
          <p>
            The feed would start and say what is wrong until it is mended. Nothing is lost meanwhile: records wait at
            JumpCloud.
          </p>
          <div class="actions">
            <button type="button" data-first onClick={() => setAsks(undefined)}>
              Back to the form
            </button>
            <button type="button" onClick={submit}>
              Save anyway
            </button>
          </div>
        </Dialog>
      )}
      {asks === 'hand-over' && (
        <HandOver document={document} secretPaths={secretPaths} onClose={() => setAsks(undefined)} />
      )}
    </form>
  );
}

/** Keeps the form for another person, who adds the key: a link and a ready text. */
function HandOver({
  document,
  secretPaths,
  onClose,
}: {
  readonly document: Document;
  readonly secretPaths: readonly string[];
  readonly onClose: () => void;
}) {
  const name = String(document.name);
  const owners = (valueAt(document, 'owners') ?? []) as { name: string; email?: string }[];
  const [who, setWho] = useState(owners[0]?.name ?? '');
  const [email, setEmail] = useState(owners[0]?.email ?? '');
  const [error, setError] = useState<unknown>();
  const [isKept, setKept] = useState(false);
  const link = `${location.origin}/add/configuration?draft=${encodeURIComponent(name)}`;
  const subject = `JumpCloud key for the data feed ${name}`;
  const text = `Hello${who === '' ? '' : ` ${who}`},

the data feed "${name}" is prepared and waits for a JumpCloud credential. Please open

${link}

log in, put the key into the field "${SEED_WORDS.token}", press "Test connection" and then "${SEED_WORDS.submit}".
Please do not send the key by mail or chat.`;
  return (
    <Dialog title="Hand over for the key" onClose={onClose}>
      {isKept ? (
        <>
          <Message tone="good" focus>
            Kept as <Text>{name}</Text>, without any secret. An administrator of this console can go on with it.
          </Message>
          <label class="field">
            <b>Text</b>
            <textarea rows={12} readOnly value={text} />
          </label>
          <div class="actions">
            <a class="button primary" href={`mailto:${encodeURIComponent(email)}?${mailQuery(subject, text)}`}>
              Write an e-mail
            </a>
            <CopyButton text={() => text} label="Copy text" />
            <CopyButton text={() => link} label="Copy link" />
          </div>
        </>
      ) : (
        <form
          onSubmit={async (event) => {
            event.preventDefault();
            try {
              await ask('putDraft', {
                path: { name },
                body: {
                  document: withoutSecrets(document, secretPaths) as Json,
                  ...(who === '' ? {} : { waitingFor: who }),
                },
              });
              setKept(true);
            } catch (failure) {
              setError(failure);
            }
          }}
        >
          <p>The form is kept, without any key, for a person who has the credential.</p>
          {error !== undefined && <Failure error={error} focus />}
          <TextField label="Who has the key" value={who} onValue={setWho} first />
          <TextField label="E-mail of that person" value={email} onValue={setEmail} />
          <div class="actions">
            <button class="primary" type="submit">
              Keep the form
            </button>
          </div>
        </form>
      )}
    </Dialog>
  );
}

const mailQuery = (subject: string, body: string): string =>
  `subject=${encodeURIComponent(subject)}&body=${encodeURIComponent(body)}`;
