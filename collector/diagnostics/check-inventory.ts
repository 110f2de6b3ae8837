import type { FeedConfig } from '../config/feed-config.js';
import { CollectorError } from '../errors.js';
import { namesNeedVolume } from '../inventory/names.js';
import { positionOf } from '../inventory/position.js';
import type { Client } from '../jumpcloud/client.js';
import { formatDuration } from '../log/duration.js';
import { degradedBy } from '../monitoring/status/inventory-status.js';
import type { Cursor } from '../position/cursor.js';
import { probeStages } from './directory-probes.js';
import type { Finding } from './finding.js';

/**
 * How the last generation of the directory ended, and which of its lists the credential may not read. Nothing of this keeps
 * a feed from collecting: all of it is a warning. Empty where the feed reads no directory.
 */
export async function checkInventory(
  { name: feed, inventory }: FeedConfig,
  { directory, clock }: Pick<Client, 'directory' | 'clock'>,
  cursor: Cursor | undefined,
  signal: AbortSignal,
): Promise<Finding[]> {
  const marker = positionOf(cursor)?.marker;
  if (inventory.intervalMs === undefined && marker === undefined && !inventory.enrich) return [];
  const found = { feed, part: 'inventory' } as const;
  const findings: Finding[] = [];
  if (inventory.enrich && !inventory.directoryLasts)
    findings.push({ ...found, verdict: 'warning', ...namesNeedVolume });
  const degraded = degradedBy(marker, null);
  if (marker === undefined) findings.push({ ...found, verdict: 'ok', message: 'no generation was delivered yet' });
  else if (degraded === null) {
    const age = formatDuration(Math.max(0, clock.serverNow() - marker.finished) / 1000);
    const known = marker.stages.map(({ stage, count }) => `${count} ${stage}`).join(', ');
    findings.push({ ...found, verdict: 'ok', message: `generation ${marker.generation}, ${age} ago: ${known}` });
  } else {
    const cure =
      marker.removals_held > 0
        ? 'Look whether they are really gone; `jumpcloud-ocsf inventory status` prints the command that releases them.'
        : 'Nothing of an incomplete stage is removed; the next reading tries again.';
    findings.push({ ...found, verdict: 'warning', message: `generation ${marker.generation}: ${degraded}`, cure });
  }
  for (const { stage, path, scope, answer } of await probeStages(directory, signal))
    if (answer instanceof CollectorError)
      findings.push({
        ...found,
        verdict: 'warning',
        message: `${stage} cannot be read (${path}): ${answer.message}`,
        cure: answer.detail === '403' ? `Give its role ${scope}; the other stages are read without it.` : answer.cure,
      });
  return findings;
}
