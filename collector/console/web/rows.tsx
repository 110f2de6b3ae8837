/*
 * What answers over a feed's tables have in common.
 */
import type { Json } from '../answers.js';
import { Message } from './problem.js';
import { Scrolled } from './scrolled.js';
import { Text } from './text.js';

/** Says where an answer lacks rows. */
export function NotWhole({
  more,
  skippedFiles,
  cure,
}: {
  readonly more: boolean;
  readonly skippedFiles: number;
  readonly cure: string;
}) {
  return (
    <>
      {more && <Message tone="warn">There are more: these are the first ones. {cure}</Message>}
      {skippedFiles > 0 && (
        <Message tone="warn">
          {skippedFiles} files cannot be read, so that rows may be missing: see <code>jumpcloud-ocsf tables check</code>
          .
        </Message>
      )}
    </>
  );
}

/** Rows as they came, their members as columns. */
export function PlainTable({
  label,
  rows,
}: {
  readonly label: string;
  readonly rows: readonly Readonly<Record<string, Json | undefined>>[];
}) {
  const columns = Object.keys(rows[0] ?? {});
  return (
    <Scrolled label={label}>
      <table>
        <caption class="hidden">{label}</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <th scope="col" key={column}>
                {column}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, index) => (
            <tr key={index}>
              {columns.map((column) => (
                <td key={column}>
                  <Text>{plain(row[column])}</Text>
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </Scrolled>
  );
}

function plain(value: Json | undefined): string {
  if (value === null || value === undefined) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
