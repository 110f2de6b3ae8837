import { useState } from 'preact/hooks';
import { ask } from './api.js';
import { Dialog } from './dialog.js';
import { TextField } from './form.js';
import { Failure, Message } from './problem.js';
import { loggedOut } from './session.js';

/** A password that is chosen now. */
export function NewPasswordField({
  label,
  value,
  onValue,
}: {
  readonly label: string;
  readonly value: string;
  readonly onValue: (value: string) => void;
}) {
  return (
    <TextField
      label={label}
      type="password"
      autocomplete="new-password"
      value={value}
      onValue={onValue}
      hint="At least 12 characters; a sentence is best."
      required
    />
  );
}

/** Changes one's own password. */
export function PasswordDialog({ onClose }: { readonly onClose: () => void }) {
  const [present, setPresent] = useState('');
  const [password, setPassword] = useState('');
  const [error, setError] = useState<unknown>();
  const [isDone, setDone] = useState(false);
  const submit = async (event: Event) => {
    event.preventDefault();
    setError(undefined);
    try {
      await ask('changePassword', { body: { present, password } });
      setDone(true);
    } catch (failure) {
      setError(failure);
    }
  };
  return (
    <Dialog title="Change password" onClose={isDone ? loggedOut : onClose}>
      {isDone ? (
        <Message tone="good" focus>
          Changed. All your sessions have ended, this one too: log in with the new password.
        </Message>
      ) : (
        <form onSubmit={submit}>
          {error !== undefined && <Failure error={error} focus />}
          <TextField
            label="Present password"
            type="password"
            autocomplete="current-password"
            value={present}
            onValue={setPresent}
            required
            first
          />
          <NewPasswordField label="New password" value={password} onValue={setPassword} />
          <div class="actions">
            <button class="primary" type="submit">
              Change
            </button>
          </div>
        </form>
      )}
    </Dialog>
  );
}
