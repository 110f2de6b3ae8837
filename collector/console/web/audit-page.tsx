import { useEffect, useState } from 'preact/hooks';
import type { AuditEntry, AuditVerification } from '../answers.js';
import { ask } from './api.js';
import { Columns } from './columns.js';
import { saveAs } from './download.js';
import { shown } from './feed-document.js';
import { TextField } from './form.js';
import { Frame } from './frame.js';
import { Instant } from './instant.js';
import { Heading } from './page.js';
import { Failure, Message } from './problem.js';
import { Text } from './text.js';

export function AuditPage() {
  const [actor, setActor] = useState('');
  const [target, setTarget] = useState('');
  const [entries, setEntries] = useState<readonly AuditEntry[]>([]);
  const [next, setNext] = useState<number | null>(null);
  const [isLoaded, setLoaded] = useState(false);
  const [error, setError] = useState<unknown>();
  const [verified, setVerified] = useState<AuditVerification>();
  const load = async (before?: number) => {
    setError(undefined);
    try {
      const page = await ask('audit', { query: { actor, target, before: before?.toString() } });
      setEntries((held) => (before === undefined ? page.entries : [...held, ...page.entries]));
      setNext(page.next);
      setLoaded(true);
    } catch (failure) {
      setError(failure);
    }
  };
  useEffect(() => void load(), []);
  return (
    <Frame crumbs={[{ label: 'Data', href: '/feeds' }, { label: 'Audit' }]}>
      <Heading>Audit</Heading>
      <p class="hint">
        Every login and every change, each line chained to the one before. Secrets are in it as fingerprints.
      </p>
      {error !== undefined && <Failure error={error} focus />}
      {verified !== undefined && (
        <Message tone={verified.intact ? 'good' : 'bad'} focus>
          {verified.intact
            ? `The chain is whole: ${verified.lines.toLocaleString('en')} lines, each follows from the one before.`
            : 'The chain is broken.'}
          {verified.broken !== null && (
            <p>
              <Text>{`${verified.broken.file}, line ${verified.broken.line}: ${verified.broken.reason}`}</Text>
            </p>
          )}
        </Message>
      )}
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void load();
        }}
      >
        <div class="pair">
          <TextField label="Who" value={actor} onValue={setActor} />
          <TextField label="What it was done to" value={target} onValue={setTarget} />
        </div>
        <div class="actions">
          <button type="submit" class="primary">
            Filter
          </button>
          <button type="button" onClick={() => ask('verifyAudit').then(setVerified, setError)}>
            Verify the chain
          </button>
          <button
            type="button"
            onClick={() =>
              saveAs(
                'audit.ndjson',
                new Blob(
                  entries.map((entry) => `${JSON.stringify(entry)}\n`),
                  { type: 'application/x-ndjson' },
                ),
              )
            }
          >
            Download what is shown
          </button>
        </div>
      </form>
      {isLoaded && entries.length === 0 && <p>Nothing matches.</p>}
      {entries.length > 0 && (
        <table class="cards">
          <caption class="hidden">Audit, newest first</caption>
          <Columns of={['Operation', 'When', 'Who', 'To what', 'Answer']} />
          <tbody>
            {entries.map((entry) => (
              <tr key={entry.number}>
                <th scope="row">
                  <Text>{entry.operation}</Text>
                  {entry.changes.length > 0 && (
                    <details>
                      <summary>{entry.changes.length === 1 ? '1 change' : `${entry.changes.length} changes`}</summary>
                      <ul>
                        {entry.changes.map(({ path, from, to }) => (
                          <li key={path}>
                            <Text>{`${path}: ${shown(from)} → ${shown(to)}`}</Text>
                          </li>
                        ))}
                      </ul>
                    </details>
                  )}
                </th>
                <td data-label="When">
                  <Instant at={entry.time} distance={false} />
                </td>
                <td data-label="Who">
                  <Text>{`${entry.actor} (${entry.kind === 'token' ? 'token, ' : ''}${entry.role})`}</Text> from{' '}
                  <Text>{entry.address}</Text>
                </td>
                <td data-label="To what">{entry.target === null ? '' : <Text>{entry.target}</Text>}</td>
                <td data-label="Answer">{entry.status}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {next !== null && (
        <button type="button" onClick={() => load(next)}>
          Older
        </button>
      )}
    </Frame>
  );
}
