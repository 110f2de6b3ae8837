/*
 * What an administrator clicks on JumpCloud's side to get what a field asks for.
 */

export function ApiKeyClicks() {
  return (
    <details>
      <summary>Where JumpCloud shows this key</summary>
      <ol>
        <li>
          In the JumpCloud Admin Portal: <b>Administrators</b> → the administrator → <b>Enable API access</b>. Read-only
          with Directory Insights is enough.
        </li>
        <li>That administrator logs out and in again.</li>
        <li>
          The initials in the upper right → <b>My API Key</b> → <b>Generate New API Key</b>. It lasts 90 days unless
          told otherwise.
        </li>
        <li>Copy it now: JumpCloud shows it once. A new key revokes the administrator’s old one at once.</li>
      </ol>
    </details>
  );
}

export function ServiceAccountClicks() {
  return (
    <details>
      <summary>Where JumpCloud makes a service account</summary>
      <ol>
        <li>
          <b>Settings</b> → <b>Service Accounts</b> → <b>+ New</b>.
        </li>
        <li>Give it a role that may read Directory Insights.</li>
        <li>
          Choose <b>Client Secret</b> and a lifetime, then <b>Activate</b>.
        </li>
        <li>Copy Client ID and Client Secret now: the secret is shown once.</li>
      </ol>
    </details>
  );
}

export function OrganizationClicks() {
  return (
    <details>
      <summary>Where JumpCloud shows this id</summary>
      <p>
        <b>Settings</b> → <b>Organization Profile</b> → <b>Organization ID</b>. Needed for administrators of several
        organizations and for service accounts.
      </p>
    </details>
  );
}
