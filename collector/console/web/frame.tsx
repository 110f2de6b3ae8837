/*
 * The frame around every page.
 */
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { RESPONSE } from './addresses.js';
import { ask } from './api.js';
import { PasswordDialog } from './password.js';
import { loggedOutHere, useMay, useSession } from './session.js';
import { Text } from './text.js';
import { setZone, useZone, zoneName } from './zone.js';

export interface Crumb {
  readonly label: string;
  readonly href?: string;
}

/** Pages of the whole console. Further kinds of pages get their line here. */
const NAVIGATION = [
  { href: '/feeds', label: 'Data Feeds', role: 'viewer' },
  { href: '/query', label: 'Query', role: 'analyst' },
  { href: RESPONSE, label: 'Response', role: 'viewer' },
  { href: '/users', label: 'Users', role: 'admin' },
  { href: '/tokens', label: 'API tokens', role: 'admin' },
  { href: '/audit', label: 'Audit', role: 'admin' },
  { href: '/about', label: 'About', role: 'viewer' },
] as const;

function NavigationLink({ href, label, role }: (typeof NAVIGATION)[number]) {
  const path = location.pathname.replace(/^\/(?:add\b.*)?$/, '/feeds');
  const here = path === href || path.startsWith(`${href}/`);
  return useMay(role) ? (
    <li>
      <a href={href} aria-current={here ? 'page' : undefined}>
        {label}
      </a>
    </li>
  ) : null;
}

export function Frame({
  crumbs,
  banners,
  children,
}: {
  readonly crumbs: readonly Crumb[];
  readonly banners?: ComponentChildren;
  readonly children: ComponentChildren;
}) {
  const session = useSession();
  const isReadOnly = session.kind === 'in' && !session.session.manage;
  return (
    <>
      <button type="button" class="skip" onClick={skip}>
        Skip to content
      </button>
      <header>
        <a class="product" href="/feeds">
          JumpCloud OCSF
        </a>
        <nav aria-label="Console">
          <ul>
            {NAVIGATION.map((one) => (
              <NavigationLink key={one.href} {...one} />
            ))}
          </ul>
        </nav>
        <div class="tools">
          <ZoneSwitch />
          <UserMenu />
        </div>
      </header>
      <nav class="crumbs" aria-label="Breadcrumb">
        <ol>
          {crumbs.map(({ label, href }, index) => (
            <li key={label}>
              {href ? (
                <a href={href}>
                  <Text>{label}</Text>
                </a>
              ) : (
                <span aria-current={index === crumbs.length - 1 ? 'page' : undefined}>
                  <Text>{label}</Text>
                </span>
              )}
            </li>
          ))}
        </ol>
      </nav>
      <section class="banners" aria-label="Notices">
        {isReadOnly && (
          <p class="message neutral">
            This console is read-only (<code>console.manage: false</code>): feeds are changed in their files, and
            response acts by command.
          </p>
        )}
        {banners}
      </section>
      <main id="main" tabIndex={-1}>
        {children}
      </main>
    </>
  );
}

function skip(): void {
  document.getElementById('main')?.focus();
}

function ZoneSwitch() {
  const zone = useZone();
  return (
    <fieldset class="switch">
      <legend class="hidden">Time zone of all times</legend>
      {(['UTC', 'local'] as const).map((value) => (
        <label key={value}>
          <input type="radio" name="zone" checked={zone === value} onChange={() => setZone(value)} />
          <span>{value === 'UTC' ? 'UTC' : `Local (${zoneName(new Date(), 'local')})`}</span>
        </label>
      ))}
    </fieldset>
  );
}

function UserMenu() {
  const session = useSession();
  const [password, setPassword] = useState(false);
  if (session.kind !== 'in') return null;
  const { user, role } = session.session;
  const logOut = async () => {
    await ask('logout').catch(() => undefined);
    loggedOutHere();
  };
  return (
    <details class="menu" name="menu">
      <summary>
        <Text>{user}</Text> <span class="dim">({role})</span>
      </summary>
      <div class="items">
        <button type="button" onClick={() => setPassword(true)}>
          Change password…
        </button>
        <button type="button" onClick={logOut}>
          Log out
        </button>
      </div>
      {password && <PasswordDialog onClose={() => setPassword(false)} />}
    </details>
  );
}
