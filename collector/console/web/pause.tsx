import { useState } from 'preact/hooks';
import { ask } from './api.js';
import { Dialog } from './dialog.js';
import { TextField } from './form.js';
import { ErrorSummary, errorsOf } from './form-errors.js';

/** Pauses with a reason, and with an end where one is given. */
export function PauseDialog({
  name,
  onClose,
  onDone,
}: {
  readonly name: string;
  readonly onClose: () => void;
  readonly onDone: () => void;
}) {
  const [reason, setReason] = useState('');
  const [until, setUntil] = useState('');
  const [error, setError] = useState<unknown>();
  return (
    <Dialog title={`Pause ${name}`} onClose={onClose}>
      <form
        onSubmit={async (event) => {
          event.preventDefault();
          try {
            await ask('pauseFeed', { path: { name }, body: { reason, ...(until === '' ? {} : { until }) } });
            onDone();
            onClose();
          } catch (failure) {
            setError(failure);
          }
        }}
      >
        <p>
          The position stays: when it is resumed, it goes on from there and nothing is lost, as long as JumpCloud still
          has the records (90 days; the page counts down).
        </p>
        {error !== undefined && <ErrorSummary error={error} />}
        <TextField
          label="Reason"
          path="reason"
          value={reason}
          onValue={setReason}
          error={errorsOf(error).get('reason')}
          hint="Everybody sees it in the list."
          required
          first
        />
        <TextField
          label="Until"
          path="until"
          value={until}
          onValue={setUntil}
          error={errorsOf(error).get('until')}
          placeholder={`${new Date(Date.now() + 86_400_000).toISOString().slice(0, 13)}:00:00Z`}
          hint="Empty: until somebody resumes it. In UTC, as the example."
        />
        <div class="actions">
          <button class="primary" type="submit">
            Pause
          </button>
          <button type="button" onClick={onClose}>
            Cancel
          </button>
        </div>
      </form>
    </Dialog>
  );
}
