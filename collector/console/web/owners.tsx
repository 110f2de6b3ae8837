import type { Json } from '../answers.js';
import { TextField } from './form.js';

const MOST = 10;

type Row = { readonly name: string; readonly email: string };

/** The owners of a feed: people or teams, each with an address or without. */
export function Owners({
  value,
  onValue,
  errors,
}: {
  readonly value: Json | undefined;
  readonly onValue: (value: Json | undefined) => void;
  readonly errors: ReadonlyMap<string, string>;
}) {
  const rows: Row[] = (Array.isArray(value) ? value : [{}]).map((row) => {
    const { name, email } = row as { name?: string; email?: string };
    return { name: name ?? '', email: email ?? '' };
  });
  const set = (next: readonly Row[]) => {
    const isEmpty = next.length === 1 && next[0]?.name === '' && next[0].email === '';
    const owners = next.map(({ name, email }): Json => {
      if (email === '') return { name };
      return { name, email };
    });
    onValue(isEmpty || next.length === 0 ? undefined : owners);
  };
  const change = (index: number, part: Partial<Row>) =>
    set(rows.map((row, at) => (at === index ? { ...row, ...part } : row)));
  return (
    <fieldset class="field">
      <legend>Owners</legend>
      <p class="hint">Who answers for the feed, and whom the console names when it needs a hand.</p>
      {errors.get('owners') && <p class="error">{errors.get('owners')}</p>}
      {rows.map((row, index) => (
        <div class="pair" key={index}>
          <TextField
            label={`Owner ${index + 1}: name`}
            path={`owners.${index}.name`}
            value={row.name}
            onValue={(name) => change(index, { name })}
            error={errors.get(`owners.${index}.name`)}
          />
          <TextField
            label={`Owner ${index + 1}: e-mail`}
            path={`owners.${index}.email`}
            value={row.email}
            onValue={(email) => change(index, { email })}
            error={errors.get(`owners.${index}.email`)}
          />
          {rows.length > 1 && (
            <button
              type="button"
              aria-label={`Remove owner ${index + 1}`}
              onClick={() => set(rows.filter((_, at) => at !== index))}
            >
              Remove
            </button>
          )}
        </div>
      ))}
      {rows.length < MOST && (
        <button type="button" onClick={() => set([...rows, { name: '', email: '' }])}>
          Add an owner
        </button>
      )}
    </fieldset>
  );
}
