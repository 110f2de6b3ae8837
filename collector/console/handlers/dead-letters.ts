import type { DeadLetter } from '../../../mappings/dead-letter.js';
import type { FeedConfig } from '../../config/feed-config.js';
import { asCollectorError } from '../../errors.js';
import { systemTiming } from '../../jumpcloud/http/abort.js';
import type { RootLog } from '../../log/logger.js';
import { unresolvedLetters } from '../../reprocess/dead-letters.js';
import { replayFeed } from '../../reprocess/replay-feed.js';
import { openSink } from '../../runtime/open-sink.js';
import type { Supervisor } from '../../runtime/supervisor.js';
import type { DeadLetterGroup, DeadLetters } from '../answers.js';
import { type Handlers, nameOf } from '../handler.js';
import type { Jobs } from '../jobs.js';
import { refused } from '../problem.js';
import { noFeed } from './feeds.js';

export interface DeadLetterParts {
  readonly supervisor: Supervisor;
  readonly jobs: Jobs;
  readonly log: RootLog;
}

const ALL = { reason: undefined, range: undefined };
const SAMPLES = 5;
const LONGEST_SAMPLE = 20_000;
const MOST_GROUPS = 200;

export function deadLetterHandlers({
  supervisor,
  jobs,
  log,
}: DeadLetterParts): Pick<Handlers, 'deadLetters' | 'replayFeed'> {
  const configOf = (name: string): FeedConfig => {
    const feed = supervisor.find(name);
    if (feed === undefined) throw noFeed();
    if (feed.configured === null) throw refused(409, 'INVALID', 'Its configuration is not valid.', 'Correct it first.');
    return feed.configured.config;
  };
  return {
    async deadLetters({ parameters }) {
      return { json: await grouped(configOf(parameters.name!), log) };
    },
    async replayFeed(asked) {
      const name = asked.parameters.name!;
      const { dryRun } = asked.body;
      asked.audit.target = { type: 'feed', name };
      asked.audit.details.dryRun = dryRun;
      const config = configOf(name);
      const job = jobs.start(
        { kind: 'replay', feed: name, by: nameOf(asked), message: dryRun ? 'trying' : 'replaying' },
        async (report) => {
          const { delivered, raw, already, failing, events } = await replayFeed(
            config,
            ALL,
            dryRun,
            log.child({ feed: name }),
          );
          const stillDead = Object.values(failing).reduce((sum, count) => sum + count, 0) + events;
          report({
            message: `${delivered + raw} ${dryRun ? 'would become' : 'became'} events, ${stillDead} still fail`,
            replayed: {
              dryRun,
              read: delivered + raw + already + stillDead,
              events: delivered + raw,
              stillDead,
              already,
              reasons: { ...failing, ...(events === 0 ? {} : { refused_by_sink: events }) },
            },
          });
        },
      );
      return { status: 202, json: job };
    },
  };
}

async function grouped(config: FeedConfig, root: RootLog): Promise<DeadLetters> {
  const sink = await openSink(config, root.child({ feed: config.name }), systemTiming);
  const groups = new Map<string, DeadLetterGroup>();
  let total = 0;
  try {
    for await (const letter of unresolvedLetters(config.name, sink, ALL)) {
      total += 1;
      const id = `${letter.reason}\n${letter.event_type}`;
      if (groups.has(id) || groups.size < MOST_GROUPS) groups.set(id, withLetter(groups.get(id), letter));
    }
  } catch (error) {
    const { code, message, cure } = asCollectorError(error);
    if (code !== 'USAGE') throw error;
    return { groups: [], total: 0, elsewhere: `${message} ${cure}` };
  } finally {
    await sink.close();
  }
  return {
    groups: [...groups.values()].sort((one, other) => other.records - one.records),
    total,
    elsewhere: null,
  };
}

function withLetter(group: DeadLetterGroup | undefined, letter: DeadLetter): DeadLetterGroup {
  const at = letter.time ?? letter.fetched_at;
  const time = letter.original_time ?? (at === undefined ? 'unknown' : new Date(at).toISOString());
  const samples = group?.samples ?? [];
  const sample = {
    time,
    message: letter.message,
    path: letter.details[0] ?? null,
    raw: letter.raw.length > LONGEST_SAMPLE ? `${letter.raw.slice(0, LONGEST_SAMPLE)}…` : letter.raw,
  };
  return {
    reason: letter.reason,
    eventType: letter.event_type,
    records: (group?.records ?? 0) + 1,
    first: group === undefined || time < group.first ? time : group.first,
    last: group === undefined || time > group.last ? time : group.last,
    samples: samples.length < SAMPLES ? [...samples, sample] : samples,
  };
}
