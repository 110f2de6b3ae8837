import { useState } from 'preact/hooks';
import { ask } from './api.js';
import { saveAs } from './download.js';
import { Frame } from './frame.js';
import { Instant } from './instant.js';
import { Heading, Loaded } from './page.js';
import { usePolled } from './polled.js';
import { Failure } from './problem.js';
import { useMay } from './session.js';
import { Text } from './text.js';
import { formatSpan } from './zone.js';

/** `76 GiB`; what is not known is unknown. */
function size(bytes: number | null): string {
  if (bytes === null) return 'unknown';
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const step = Math.min(Math.floor(Math.log2(Math.max(bytes, 1)) / 10), units.length - 1);
  return `${(bytes / 1024 ** step).toFixed(step === 0 ? 0 : 1)} ${units[step]}`;
}

export function AboutPage() {
  const about = usePolled('about', {}, 30_000);
  const isAdmin = useMay('admin');
  const [error, setError] = useState<unknown>();
  return (
    <Frame crumbs={[{ label: 'Data', href: '/feeds' }, { label: 'About' }]}>
      <Heading>About</Heading>
      {error !== undefined && <Failure error={error} focus />}
      <Loaded from={about}>
        {(value) => (
          <dl class="facts">
            <Fact term="Program">{`${value.name} ${value.version}`}</Fact>
            <Fact term="OCSF">{value.ocsf}</Fact>
            <Fact term="Node.js">{value.node}</Fact>
            <div>
              <dt>Started</dt>
              <dd>
                <Instant at={value.startedAt} />
              </dd>
            </div>
            <Fact term="Memory">{`${size(value.memory.residentBytes)} of ${value.memory.limitBytes === null ? 'no limit' : size(value.memory.limitBytes)}`}</Fact>
            <Fact term="Clock against JumpCloud’s">
              {value.clockSkewSeconds === null
                ? 'unknown'
                : `${value.clockSkewSeconds < 0 ? '-' : ''}${formatSpan(value.clockSkewSeconds)}`}
            </Fact>
            {value.disks.map(({ path, freeBytes }) => (
              <Fact key={path} term={`Free at ${path}`}>
                {size(freeBytes)}
              </Fact>
            ))}
            {value.listeners.map((listener) => (
              <Fact key={listener} term="Listens on">
                {listener}
              </Fact>
            ))}
            {value.files.map((file) => (
              <Fact key={file} term="Configuration file">
                {file}
              </Fact>
            ))}
            {value.notes.map((note) => (
              <Fact key={note} term="Note">
                {note}
              </Fact>
            ))}
          </dl>
        )}
      </Loaded>
      <div class="actions">
        {isAdmin && (
          <button
            type="button"
            onClick={() =>
              ask('export').then(
                (text) => saveAs('jumpcloud-ocsf.yaml', new Blob([text], { type: 'text/yaml' })),
                setError,
              )
            }
          >
            Export all feeds as YAML
          </button>
        )}
        <a class="button" href="/licences.txt" target="_blank" rel="noreferrer">
          Licences of what these pages contain
        </a>
      </div>
      {isAdmin && (
        <p class="hint">The export runs without a console; it names a file for each secret and holds none.</p>
      )}
    </Frame>
  );
}

function Fact({ term, children }: { readonly term: string; readonly children: string }) {
  return (
    <div>
      <dt>
        <Text>{term}</Text>
      </dt>
      <dd>
        <Text>{children}</Text>
      </dd>
    </div>
  );
}
