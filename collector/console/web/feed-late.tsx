import type { TabProps } from './feed-page.js';
import { Count, Instant } from './instant.js';
import { Text } from './text.js';
import { formatSpan } from './zone.js';

/** Records that JumpCloud showed late, and those that it showed again. */
export function Late({ status: { view } }: TabProps) {
  const lane = view?.lanes.find(({ name }) => name === 'live') ?? view?.lanes[0];
  if (lane === undefined) return <p class="dim">It has not run in this process yet.</p>;
  const { total, sinceStart } = lane.counts;
  return (
    <>
      <table class="cards">
        <caption class="hidden">Late records and repeats</caption>
        <thead>
          <tr>
            <th scope="col">Kind</th>
            <th scope="col" class="number">
              Since the first commit
            </th>
            <th scope="col" class="number">
              Since this start
            </th>
            <th scope="col">What it means</th>
          </tr>
        </thead>
        <tbody>
          <tr>
            <th scope="row">Late</th>
            <td class="number" data-label="Since the first commit">
              <Count of={total.late} />
            </td>
            <td class="number" data-label="Since this start">
              <Count of={sinceStart.late} />
            </td>
            <td class="wide">
              They became visible after a search had passed their time; the next searches reach back and found them.
            </td>
          </tr>
          <tr>
            <th scope="row">Repeats</th>
            <td class="number" data-label="Since the first commit">
              <Count of={total.duplicates} />
            </td>
            <td class="number" data-label="Since this start">
              <Count of={sinceStart.duplicates} />
            </td>
            <td class="wide">They were delivered before and are not delivered twice.</td>
          </tr>
          <tr>
            <th scope="row">Variants</th>
            <td class="number" data-label="Since the first commit">
              <span class="dim">not kept</span>
            </td>
            <td class="number" data-label="Since this start">
              <Count of={lane.variants} />
            </td>
            <td class="wide">Repeats that differ from the first one in something else than their identity.</td>
          </tr>
        </tbody>
      </table>
      <h2>The latest late records</h2>
      {lane.late.samples.length === 0 ? (
        <p>None yet.</p>
      ) : (
        <ul>
          {lane.late.samples.map(({ at, seconds }) => (
            <li key={`${at} ${seconds}`}>
              <Instant at={at} distance={false} />: {formatSpan(seconds)} late
            </li>
          ))}
        </ul>
      )}
      {lane.reusedIds.length > 0 && (
        <>
          <h2>Ids that JumpCloud used again</h2>
          <ul>
            {lane.reusedIds.map(({ type, records }) => (
              <li key={type}>
                <Text>{type}</Text>: <Count of={records} />
              </li>
            ))}
          </ul>
        </>
      )}
      {lane.unmapped.length > 0 && (
        <>
          <h2>Types that no mapping knows</h2>
          <p class="hint">They are delivered as Base Event (class 0) with JumpCloud’s name.</p>
          <ul>
            {lane.unmapped.map(({ type, events }) => (
              <li key={type}>
                <Text>{type}</Text>: <Count of={events} />
              </li>
            ))}
          </ul>
        </>
      )}
    </>
  );
}
