/*
 * The problems of a refused form: a list on top with a link to each field, which says it too.
 */
import type { Problem } from '../answers.js';
import { Refusal } from './api.js';
import { controlId } from './form.js';
import { Failure, Message } from './problem.js';
import { Text } from './text.js';

/** `/owners/0/email` as `owners.0.email`. */
const pathOf = (pointer: string): string =>
  pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .join('.');

/** The messages of a refusal by path. */
export function errorsOf(error: unknown): ReadonlyMap<string, string> {
  const problems: Problem['problems'] = error instanceof Refusal ? error.problem.problems : undefined;
  return new Map((problems ?? []).map(({ pointer, message }) => [pathOf(pointer), message]));
}

/** Brings a field into view, whatever it lies in, and focuses it. */
export function goTo(path: string): void {
  for (let at = path; at !== ''; at = at.slice(0, Math.max(at.lastIndexOf('.'), 0))) {
    const control = document.getElementById(controlId(at));
    if (control === null) continue;
    const around = control.closest('details');
    if (around !== null) around.open = true;
    control.focus();
    control.scrollIntoView({ block: 'center' });
    return;
  }
}

/** Takes the focus when it appears. */
export function ErrorSummary({ error }: { readonly error: unknown }) {
  const errors = [...errorsOf(error)];
  if (errors.length === 0) return <Failure error={error} focus />;
  return (
    <Message tone="bad" focus>
      <strong>
        {errors.length === 1 ? '1 field needs another value' : `${errors.length} fields need another value`}
      </strong>
      <ul class="plain">
        {errors.map(([path, message]) => (
          <li key={path}>
            <button type="button" class="link" onClick={() => goTo(path)}>
              <Text>{`${path}: ${message}`}</Text>
            </button>
          </li>
        ))}
      </ul>
    </Message>
  );
}
