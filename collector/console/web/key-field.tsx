/*
 * One key of a feed's configuration as a field.
 */
import type { ComponentChildren } from 'preact';
import { useId, useRef, useState } from 'preact/hooks';
import { tidy } from '../../jumpcloud/auth/tidy-secret.js';
import type { Json, StoredSecret } from '../answers.js';
import { AreaField, ChoiceField, Field, SelectField, TextField } from './form.js';
import { Instant } from './instant.js';
import type { FormKey } from './schema-keys.js';
import { Text } from './text.js';

export interface KeyFieldProps {
  readonly of: FormKey;
  readonly value: Json | undefined;
  readonly onValue: (value: Json | undefined) => void;
  readonly error: string | undefined;
  /** What is stored of a secret. */
  readonly stored?: StoredSecret | undefined;
  /** In place of the schema's title. */
  readonly label?: string;
  readonly hint?: ComponentChildren;
  readonly required?: boolean;
  /** A secret that no file can hold here. */
  readonly onlyTyped?: boolean;
}

/** The control that fits the kind of the key. An empty field means the default. */
export function KeyField(props: KeyFieldProps) {
  const { of: key, value, onValue, error, label = key.title, required = false } = props;
  const hint = props.hint ?? <KeyHint of={key} />;
  const common = { label, hint, error, path: key.path, required };
  const text = value === undefined || value === null ? '' : String(value);
  const standard =
    key.default === undefined ? '' : Array.isArray(key.default) ? key.default.join(', ') : String(key.default);
  switch (key.kind) {
    case 'secret':
      return <SecretField {...props} />;
    case 'switch':
      return (
        <SelectField
          {...common}
          value={text}
          onValue={(next) => onValue(next === '' ? undefined : next === 'true')}
          choices={[
            { value: '', label: `Default: ${key.default === true ? 'yes' : 'no'}` },
            { value: 'true', label: 'Yes' },
            { value: 'false', label: 'No' },
          ]}
        />
      );
    case 'choice':
      return (
        <SelectField
          {...common}
          value={text}
          onValue={(next) => onValue(next === '' ? undefined : next)}
          choices={[
            { value: '', label: standard === '' ? 'Not set' : `Default: ${standard}` },
            ...key.choices.map((choice) => ({ value: String(choice), label: String(choice) })),
          ]}
        />
      );
    case 'choices':
      return (
        <ChoiceField
          {...common}
          choices={key.choices.map((choice) => ({ value: String(choice), label: String(choice) }))}
          chosen={listOf(value ?? key.default).map(String)}
          onChosen={(chosen) => {
            const kept = key.choices.filter((choice) => chosen.includes(String(choice)));
            onValue(kept.length === 0 ? undefined : kept);
          }}
        />
      );
    case 'list':
      return (
        <AreaField
          {...common}
          value={listOf(value).join('\n')}
          onValue={(next) => onValue(next === '' ? undefined : next.split('\n'))}
          rows={3}
          mono
        />
      );
    case 'map':
      return (
        <AreaField
          {...common}
          value={Object.entries((value ?? {}) as Record<string, Json>)
            .map(([name, one]) => `${name}=${String(one)}`)
            .join('\n')}
          onValue={(next) => onValue(next === '' ? undefined : mapOf(next))}
          rows={3}
          mono
        />
      );
    case 'number':
      return (
        <TextField
          {...common}
          value={text}
          onValue={(next) => onValue(next.trim() === '' ? undefined : Number.isNaN(Number(next)) ? next : Number(next))}
          placeholder={standard}
          inputMode="decimal"
        />
      );
    default:
      return (
        <TextField
          {...common}
          value={text}
          onValue={(next) => onValue(next === '' ? undefined : next)}
          placeholder={standard}
        />
      );
  }
}

const listOf = (value: Json | undefined): readonly Json[] => (Array.isArray(value) ? value : []);

const mapOf = (text: string): Json =>
  Object.fromEntries(
    text.split('\n').map((line) => {
      const at = line.indexOf('=');
      return at < 0 ? [line, ''] : [line.slice(0, at), line.slice(at + 1)];
    }),
  );

function KeyHint({ of: key }: { readonly of: FormKey }) {
  return (
    <>
      {key.description.split('`').map((part, index) => (index % 2 === 1 ? <code key={part}>{part}</code> : part))}
      {key.expected && ` Takes ${key.expected}.`}
      {key.environment && (
        <>
          {' '}
          Environment: <code>{key.environment}</code>
        </>
      )}
    </>
  );
}

/** A secret that no file can hold here, in a form of its own. */
export function TypedSecretField({
  path,
  label,
  onValue,
  ...props
}: Omit<KeyFieldProps, 'of' | 'onValue' | 'onlyTyped' | 'label'> & {
  readonly path: string;
  readonly label: string;
  readonly onValue: (value: string | undefined) => void;
}) {
  return (
    <SecretField
      {...props}
      of={{
        path,
        title: label,
        description: '',
        kind: 'secret',
        choices: [],
        default: undefined,
        example: undefined,
        expected: '',
        environment: undefined,
      }}
      onValue={(value) => onValue(typeof value === 'string' ? value : undefined)}
      onlyTyped
    />
  );
}

/** A secret: it goes to the server and never comes back. */
function SecretField({
  of: key,
  value,
  onValue,
  error,
  stored,
  label,
  hint,
  required = false,
  onlyTyped = false,
}: KeyFieldProps) {
  const id = useId();
  const [found, setFound] = useState<readonly string[]>([]);
  // What is sent for a secret that stays: the mark by which the server knows it.
  const kept = useRef(typeof value === 'object' && value !== null && 'stored' in value ? value : undefined);
  const isFile = typeof value === 'object' && value !== null && 'file' in value;
  const [wantsFile, setWantsFile] = useState(isFile);
  const typed = typeof value === 'string' ? value : '';
  const take = (raw: string) => {
    const clean = tidy(raw);
    setFound(clean.found);
    onValue(clean.secret === '' ? kept.current : clean.secret);
  };
  return (
    <Field
      label={label ?? key.title}
      path={key.path}
      error={error}
      required={required && kept.current === undefined}
      hint={
        <>
          <div role="status">
            {typed !== '' && (
              <p id={`${id}-taken`}>
                {found.length > 0 && `Taken off: ${found.join(', ')}. `}
                {typed.length} characters
                {typed.length >= 16 && `, ending in ${typed.slice(-4)}`}. It is sent once and never shown again.
              </p>
            )}
          </div>
          {stored !== undefined && (
            <p>
              Stored
              {stored.lastFour && (
                <>
                  , …<Text>{stored.lastFour}</Text>
                </>
              )}
              , since <Instant at={stored.since} />.{!onlyTyped && ' Leave the field empty to keep it.'}
            </p>
          )}
          <div>{hint ?? <KeyHint of={key} />}</div>
          {!onlyTyped && (
            <button
              type="button"
              class="link"
              onClick={() => {
                setWantsFile(!wantsFile);
                onValue(kept.current);
              }}
            >
              {wantsFile ? 'Type it instead' : 'Read it from a file of the server instead'}
            </button>
          )}
        </>
      }
    >
      {(described) =>
        wantsFile ? (
          <input
            {...described}
            type="text"
            placeholder="/run/secrets/…"
            spellcheck={false}
            autocomplete="off"
            value={isFile ? String(value.file) : ''}
            onInput={({ currentTarget: { value: file } }) => onValue(file === '' ? kept.current : { file })}
          />
        ) : (
          <input
            {...described}
            type="password"
            autocomplete="new-password"
            spellcheck={false}
            value={typed}
            // One line swallows line breaks silently: what was pasted is looked at before.
            onPaste={(event) => {
              const pasted = event.clipboardData?.getData('text') ?? '';
              event.preventDefault();
              const { selectionStart, selectionEnd } = event.currentTarget;
              take(typed.slice(0, selectionStart ?? 0) + pasted + typed.slice(selectionEnd ?? typed.length));
            }}
            onInput={({ currentTarget: { value: raw } }) => {
              setFound([]);
              onValue(raw === '' ? kept.current : raw);
            }}
            onBlur={({ currentTarget: { value: raw } }) => {
              if (raw !== '' && tidy(raw).found.length > 0) take(raw);
            }}
          />
        )
      }
    </Field>
  );
}
