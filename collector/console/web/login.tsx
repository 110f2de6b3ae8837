/*
 * Login, by password or by a one-time link (`#start=…`), as a page and over a page whose session ended.
 */
import { useEffect, useState } from 'preact/hooks';
import type { Login as LoginBody } from '../answers.js';
import { ask } from './api.js';
import { Dialog } from './dialog.js';
import { TextField } from './form.js';
import { NewPasswordField } from './password.js';
import { Failure } from './problem.js';
import { loggedIn, loggedOut } from './session.js';

let oneTimeToken: string | undefined;

/** Takes the one-time token out of the address, so that neither history nor a copied link holds it. */
export function takeOneTimeToken(): void {
  const found = /^#start=([^&]+)/.exec(location.hash)?.[1];
  if (found === undefined) return;
  oneTimeToken = decodeURIComponent(found);
  history.replaceState(null, '', location.pathname + location.search);
}

export const hasOneTimeToken = (): boolean => oneTimeToken !== undefined;

export function LoginPage() {
  useEffect(() => {
    document.title = oneTimeToken === undefined ? 'Log in' : 'First login';
  }, []);
  return (
    <main class="login" id="main">
      <h1>{oneTimeToken === undefined ? 'Log in' : 'Choose a password'}</h1>
      {oneTimeToken === undefined ? <PasswordForm /> : <StartForm token={oneTimeToken} />}
    </main>
  );
}

/** Comes over the page whose session has ended: what was typed there stays. */
export function LoginAgain() {
  return (
    <Dialog title="Your session has ended" onClose={loggedOut} closable={false}>
      <p>Log in again: the page behind this keeps what you typed.</p>
      <PasswordForm />
    </Dialog>
  );
}

function useLogin() {
  const [error, setError] = useState<unknown>();
  const [isBusy, setBusy] = useState(false);
  const send = async (body: LoginBody) => {
    setBusy(true);
    setError(undefined);
    try {
      const session = await ask('login', { body });
      oneTimeToken = undefined;
      loggedIn(session);
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  return { error, isBusy, send };
}

function PasswordForm() {
  const [user, setUser] = useState('');
  const [password, setPassword] = useState('');
  const { error, isBusy, send } = useLogin();
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void send({ user, password });
      }}
    >
      {error !== undefined && <Failure error={error} focus />}
      <TextField label="User name" autocomplete="username" value={user} onValue={setUser} required first />
      <TextField
        label="Password"
        type="password"
        autocomplete="current-password"
        value={password}
        onValue={setPassword}
        required
      />
      <div class="actions">
        <button class="primary" type="submit" disabled={isBusy}>
          Log in
        </button>
      </div>
    </form>
  );
}

function StartForm({ token }: { readonly token: string }) {
  const [user, setUser] = useState('');
  const [password, setPassword] = useState('');
  const [again, setAgain] = useState('');
  const { error, isBusy, send } = useLogin();
  const differs = again !== '' && again !== password;
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (again === password) void send({ token, password, ...(user === '' ? {} : { user }) });
      }}
    >
      <p>This link works once. It makes you a user of this console with the password that you choose now.</p>
      {error !== undefined && <Failure error={error} focus />}
      <TextField
        label="User name"
        autocomplete="username"
        value={user}
        onValue={setUser}
        hint="For the first administrator. Leave it empty if you were invited: the name is yours already."
      />
      <NewPasswordField label="Password" value={password} onValue={setPassword} />
      <TextField
        label="Password again"
        type="password"
        autocomplete="new-password"
        value={again}
        onValue={setAgain}
        error={differs ? 'The two passwords differ.' : undefined}
        required
      />
      <div class="actions">
        <button class="primary" type="submit" disabled={isBusy}>
          Set password and log in
        </button>
      </div>
    </form>
  );
}
