/*
 * Fields: each with its label, what it means, what is wrong with it, and what to do.
 */
import type { ComponentChildren, RefObject } from 'preact';
import { useId } from 'preact/hooks';
import { Text } from './text.js';

export interface FieldProps {
  readonly label: string;
  /** What it means; read after the label. */
  readonly hint?: ComponentChildren;
  readonly error?: string | undefined;
  /** Path of the key: what a summary's link leads to. */
  readonly path?: string;
  readonly required?: boolean;
}

/** What a control needs for being described by its field. */
export interface Described {
  readonly id: string;
  readonly 'aria-describedby': string | undefined;
  readonly 'aria-invalid': true | undefined;
  readonly required: boolean;
}

/** The id of the control for a key of the configuration. */
export const controlId = (path: string) => `key-${path.replaceAll('.', '-')}`;

/** What stands below a control: why its value is refused, and the hint. */
function Notes({ id, error, hint }: { readonly id: string } & Pick<FieldProps, 'error' | 'hint'>) {
  return (
    <>
      {error && (
        <p class="error" id={`${id}-error`}>
          <span aria-hidden="true">✕ </span>
          <Text>{error}</Text>
        </p>
      )}
      {hint && (
        <div class="hint" id={`${id}-hint`}>
          {hint}
        </div>
      )}
    </>
  );
}

export function Field({
  label,
  hint,
  error,
  path,
  required = false,
  children,
}: FieldProps & { readonly children: (described: Described) => ComponentChildren }) {
  const own = useId();
  const id = path === undefined ? own : controlId(path);
  const describedBy = [hint ? `${id}-hint` : '', error ? `${id}-error` : ''].filter(Boolean).join(' ');
  return (
    <div class={error ? 'field wrong' : 'field'}>
      <label for={id}>{label}</label>
      {children({
        id,
        'aria-describedby': describedBy || undefined,
        'aria-invalid': error ? true : undefined,
        required,
      })}
      <Notes id={id} error={error} hint={hint} />
    </div>
  );
}

/** A field of one line. */
export function TextField({
  value,
  onValue,
  ...rest
}: FieldProps & {
  readonly value: string;
  readonly onValue: (value: string) => void;
  readonly type?: 'text' | 'password';
  readonly placeholder?: string;
  readonly autocomplete?: string;
  readonly inputMode?: 'numeric' | 'decimal' | 'email' | 'url';
  readonly first?: boolean;
  readonly list?: string;
}) {
  const { type = 'text', placeholder, autocomplete = 'off', inputMode, first, list, ...field } = rest;
  return (
    <Field {...field}>
      {(described) => (
        <input
          {...described}
          type={type as 'text'}
          value={value}
          placeholder={placeholder}
          autocomplete={autocomplete as 'off'}
          inputMode={inputMode}
          spellcheck={false}
          data-first={first || undefined}
          list={list}
          onInput={(event) => onValue(event.currentTarget.value)}
        />
      )}
    </Field>
  );
}

/** A field of several lines. */
export function AreaField({
  value,
  onValue,
  rows = 3,
  mono = false,
  box,
  onKey,
  ...field
}: FieldProps & {
  readonly value: string;
  readonly onValue: (value: string) => void;
  readonly rows?: number;
  readonly mono?: boolean;
  readonly box?: RefObject<HTMLTextAreaElement | null>;
  readonly onKey?: (event: KeyboardEvent) => void;
}) {
  return (
    <Field {...field}>
      {(described) => (
        <textarea
          {...described}
          ref={box}
          onKeyDown={onKey}
          rows={rows}
          class={mono ? 'mono' : undefined}
          spellcheck={!mono}
          value={value}
          onInput={(event) => onValue(event.currentTarget.value)}
        />
      )}
    </Field>
  );
}

export interface Choice {
  readonly value: string;
  readonly label: string;
}

/** One of several. */
export function SelectField({
  value,
  onValue,
  choices,
  ...field
}: FieldProps & {
  readonly value: string;
  readonly onValue: (value: string) => void;
  readonly choices: readonly Choice[];
}) {
  return (
    <Field {...field}>
      {(described) => (
        <select {...described} value={value} onChange={(event) => onValue(event.currentTarget.value)}>
          {choices.map((choice) => (
            <option key={choice.value} value={choice.value}>
              {choice.label}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

/** Several choices under one name: `one` as radio buttons, else check boxes. */
export function ChoiceField({
  label,
  hint,
  error,
  path,
  choices,
  chosen,
  onChosen,
  one = false,
}: FieldProps & {
  readonly choices: readonly (Choice & { readonly hint?: string })[];
  readonly chosen: readonly string[];
  readonly onChosen: (chosen: readonly string[]) => void;
  readonly one?: boolean;
}) {
  const own = useId();
  const id = path === undefined ? own : controlId(path);
  const describedBy = [hint ? `${id}-hint` : '', error ? `${id}-error` : ''].filter(Boolean).join(' ');
  return (
    <fieldset
      id={id}
      class={error ? 'field wrong' : 'field'}
      tabIndex={-1}
      aria-describedby={describedBy || undefined}
      aria-invalid={error ? true : undefined}
    >
      <legend>{label}</legend>
      <div class="choices">
        {choices.map((choice) => (
          <label key={choice.value} class="choice">
            <input
              type={one ? 'radio' : 'checkbox'}
              name={id}
              value={choice.value}
              checked={chosen.includes(choice.value)}
              onChange={(event) => {
                const rest = chosen.filter((value) => value !== choice.value);
                onChosen(one ? [choice.value] : event.currentTarget.checked ? [...rest, choice.value] : rest);
              }}
            />
            <span>
              {choice.label}
              {choice.hint && <span class="hint"> {choice.hint}</span>}
            </span>
          </label>
        ))}
      </div>
      <Notes id={id} error={error} hint={hint} />
    </fieldset>
  );
}
