/*
 * Detection Findings in a feed's tables: one row per finding, as it is now.
 */
import { useState } from 'preact/hooks';
import type { Finding } from '../answers.js';
import { findingAddress } from './addresses.js';
import { Columns } from './columns.js';
import type { TabProps } from './feed-page.js';
import { SelectField } from './form.js';
import { Instant } from './instant.js';
import { Loaded } from './page.js';
import { usePolled } from './polled.js';
import { NotWhole } from './rows.js';
import { Text } from './text.js';

const STATUSES = ['New', 'In Progress', 'Suppressed', 'Resolved', 'Other'];
const SEVERITIES = ['Critical', 'High', 'Medium', 'Low', 'Informational', 'Fatal', 'Unknown', 'Other'];
const choices = (all: string, values: readonly string[]) => [
  { value: '', label: all },
  ...values.map((value) => ({ value, label: value })),
];

export function Findings({ name }: TabProps) {
  const [status, setStatus] = useState('');
  const [severity, setSeverity] = useState('');
  const found = usePolled('findings', { path: { name }, query: { status, severity } }, 0);
  return (
    <>
      <form class="filters" onSubmit={(event) => event.preventDefault()}>
        <SelectField label="Status" value={status} onValue={setStatus} choices={choices('Any status', STATUSES)} />
        <SelectField
          label="Severity"
          value={severity}
          onValue={setSeverity}
          choices={choices('Any severity', SEVERITIES)}
        />
        <button type="button" onClick={found.again}>
          Look again
        </button>
      </form>
      <Loaded from={found}>
        {({ findings, more, skippedFiles }) => (
          <>
            <NotWhole
              more={more}
              skippedFiles={skippedFiles}
              cure="Choose a status or a severity, or ask on the page Query."
            />
            <p role="status">
              {findings.length === 0
                ? 'No findings. Alerts of Insights Rules, and what JumpCloud’s service alerts reports, would be here.'
                : `${findings.length} ${findings.length === 1 ? 'finding' : 'findings'}, the latest first.`}
            </p>
            {findings.length > 0 && <FindingTable feed={name} findings={findings} />}
          </>
        )}
      </Loaded>
    </>
  );
}

function FindingTable({ feed, findings }: { readonly feed: string; readonly findings: readonly Finding[] }) {
  return (
    <table class="cards">
      <caption class="hidden">Findings</caption>
      <Columns of={['Finding', 'Severity', 'Status', 'About', 'Rule', 'Account', 'Last']} />
      <tbody>
        {findings.map((one) => (
          <tr key={one.finding}>
            <th scope="row">
              <a href={findingAddress(feed, one.finding)}>
                <Text>{one.title ?? one.finding}</Text>
              </a>
            </th>
            <td data-label="Severity">
              <Text>{one.severity ?? 'unknown'}</Text>
            </td>
            <td data-label="Status">
              <Text>{one.status ?? 'unknown'}</Text>
            </td>
            <td data-label="About">
              <Text>{one.about ?? 'unknown'}</Text>
            </td>
            <td data-label="Rule">
              <Text>{one.rule ?? 'unknown'}</Text>
            </td>
            <td data-label="Account">
              <Text>{one.account ?? 'unknown'}</Text>
            </td>
            <td data-label="Last">
              <Instant at={one.at} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
