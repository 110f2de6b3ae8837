/*
 * The last lines that the collector logged about this feed.
 */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { LogPage } from '../answers.js';
import { BACKGROUND_HEADER } from '../routes.js';
import { ask } from './api.js';
import { saveAs } from './download.js';
import type { TabProps } from './feed-page.js';
import { Failure } from './problem.js';
import { Scrolled } from './scrolled.js';
import { Text } from './text.js';
import { formatInstant, useZone } from './zone.js';

const EVERY_MS = 2_000;
const KEPT = 500;
const LEVELS = ['debug', 'info', 'warn', 'error'];

type Line = LogPage['lines'][number];

export function Log({ name }: TabProps) {
  const zone = useZone();
  const [lines, setLines] = useState<readonly Line[]>([]);
  const [level, setLevel] = useState('info');
  const [follows, setFollows] = useState(true);
  const [error, setError] = useState<unknown>();
  const next = useRef(0);
  const box = useRef<HTMLElement>(null);
  useEffect(() => {
    const stop = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    next.current = 0;
    setLines([]);
    const look = async () => {
      try {
        if (!document.hidden) {
          const page = await ask('feedLog', {
            path: { name },
            query: { after: String(next.current) },
            signal: stop.signal,
            ...(next.current === 0 ? {} : { headers: { [BACKGROUND_HEADER]: '1' } }),
          });
          next.current = page.next;
          if (page.lines.length > 0) setLines((before) => [...before, ...page.lines].slice(-KEPT));
          setError(undefined);
        }
      } catch (failure) {
        if (!stop.signal.aborted) setError(failure);
      }
      if (!stop.signal.aborted) timer = setTimeout(look, EVERY_MS);
    };
    void look();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [name]);
  useEffect(() => {
    if (follows && box.current !== null) box.current.scrollTop = box.current.scrollHeight;
  }, [lines, follows]);
  const shown = lines.filter(
    (line) => LEVELS.indexOf(line.level) >= LEVELS.indexOf(level) || !LEVELS.includes(line.level),
  );
  return (
    <>
      <div class="filters">
        <label>
          Level{' '}
          <select value={level} onChange={(event) => setLevel(event.currentTarget.value)}>
            {LEVELS.map((one) => (
              <option key={one}>{one}</option>
            ))}
          </select>
        </label>
        <button type="button" aria-pressed={follows} onClick={() => setFollows(!follows)}>
          Follow
        </button>
        <button
          type="button"
          onClick={() =>
            saveAs(
              `${name}.log.ndjson`,
              new Blob(
                lines.map((line) => `${JSON.stringify(line)}\n`),
                { type: 'application/x-ndjson' },
              ),
            )
          }
        >
          Download
        </button>
        <span class="hint">The last {KEPT} lines. The full log is on stderr of the collector.</span>
      </div>
      {error !== undefined && <Failure error={error} />}
      <Scrolled
        box={box}
        kind="block log"
        label="Log"
        onScroll={(at) => {
          // Scrolled up to read: following would take the place away.
          if (at.scrollHeight - at.scrollTop - at.clientHeight > 60) setFollows(false);
        }}
      >
        {shown.length === 0 && <p class="dim">No lines yet.</p>}
        <ul class="plain">
          {shown.map((line) => (
            <li key={line.id} class={LEVELS.includes(line.level) ? line.level : undefined}>
              <span class="dim">{formatInstant(line.time, zone)}</span>{' '}
              <strong>
                <Text>{line.level}</Text>
              </strong>{' '}
              <Text>{line.message}</Text>{' '}
              {Object.keys(line.fields).length > 0 && (
                <span class="dim">
                  <Text>
                    {Object.entries(line.fields)
                      .map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
                      .join(' ')}
                  </Text>
                </span>
              )}
            </li>
          ))}
        </ul>
      </Scrolled>
    </>
  );
}
