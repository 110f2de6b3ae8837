import { Dialog } from './dialog.js';
import { Text } from './text.js';

/** Asks before something that cannot be taken back. */
export function Confirm({
  title,
  text,
  verb,
  onYes,
  onClose,
}: {
  readonly title: string;
  readonly text: string;
  readonly verb: string;
  readonly onYes: () => void;
  readonly onClose: () => void;
}) {
  return (
    <Dialog title={title} onClose={onClose}>
      <p>
        <Text>{text}</Text>
      </p>
      <div class="actions">
        <button type="button" data-first onClick={onClose}>
          Cancel
        </button>
        <button
          type="button"
          class="danger"
          onClick={() => {
            onClose();
            onYes();
          }}
        >
          {verb}
        </button>
      </div>
    </Dialog>
  );
}
