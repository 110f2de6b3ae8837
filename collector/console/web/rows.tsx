/*
 * What answers over a feed's tables have in common.
 */
import { Message } from './problem.js';

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
