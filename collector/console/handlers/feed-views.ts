import type { ActivityRange } from '../../monitoring/activity.js';
import type { FeedView } from '../../monitoring/status/feed-status.js';
import type { SupervisedFeed, Supervisor } from '../../runtime/supervisor.js';
import { REFUSED_REQUEST } from '../../webhook/receiver.js';
import type { Activity, FeedSummary, Json, Provenance } from '../answers.js';
import { feedState, liveLane, missingOf } from '../feeds/feed-state.js';
import { type FeedStore, RESTORABLE_MS } from '../feeds/feed-store.js';
import { mayDo } from '../gate.js';
import type { Handlers, Principal } from '../handler.js';
import type { Jobs } from '../jobs.js';
import { refused } from '../problem.js';
import { noFeed } from './feeds.js';

export interface ViewParts {
  readonly supervisor: Supervisor;
  readonly store: FeedStore;
  readonly jobs: Jobs;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

type ViewOperation =
  | 'listFeeds'
  | 'feedStatus'
  | 'feedEffective'
  | 'feedActivity'
  | 'feedCompleteness'
  | 'feedLog'
  | 'job';

const RANGES: readonly ActivityRange[] = ['1h', '24h', '7d', '90d'];
const HOURS = 24;

export function viewHandlers({ supervisor, store, jobs, now }: ViewParts): Pick<Handlers, ViewOperation> {
  const find = (name: string | undefined): SupervisedFeed => {
    const feed = supervisor.find(name ?? '');
    if (feed === undefined) throw noFeed();
    return feed;
  };
  const provenanceOf = async ({ name, source }: SupervisedFeed): Promise<Provenance> => {
    if (source.kind === 'file') return { kind: 'file', where: source.where, readOnly: true };
    const revision = (await store.find(name))?.revision;
    if (revision === undefined) return { kind: 'console', where: source.where, readOnly: false };
    return { kind: revision.kind === 'token' ? 'api' : 'console', where: revision.by, readOnly: false };
  };
  const summaryOf = async (feed: SupervisedFeed): Promise<FeedSummary> => {
    const { name, configured, view } = feed;
    const lane = liveLane(view);
    const config = configured?.config;
    const { contact } = config ?? {};
    const hours = hourly(supervisor.activity(name, '24h'));
    return {
      name,
      description: config?.description ?? null,
      account: config?.account.name ?? null,
      owners:
        config?.owners ??
        (contact?.name === undefined
          ? []
          : [{ name: contact.name, ...(contact.email === undefined ? {} : { email: contact.email }) }]),
      organization: view?.organization ?? config?.jumpcloud.orgId ?? null,
      state: feedState(feed, now()),
      provenance: await provenanceOf(feed),
      sink: config?.sink ?? 'unknown',
      events24h: lane?.rates.events24h ?? null,
      hours,
      lagSeconds: lane?.lagSeconds ?? null,
      missing: missingOf(view),
      deadLetters: lane?.counts.total.deadLetters ?? null,
      keyDaysLeft: view?.key?.daysLeft ?? null,
      lastRecord: lane?.lastNewRecord ?? null,
    };
  };
  return {
    async listFeeds({ query }) {
      const all = await Promise.all(supervisor.list().map(summaryOf));
      const [q, state, owner] = ['q', 'state', 'owner'].map((name) => query.get(name)?.toLowerCase());
      const feeds = all.filter(
        (feed) =>
          (q === undefined ||
            [feed.name, feed.account, feed.organization, feed.description, ...feed.owners.map((one) => one.name)].some(
              (text) => text?.toLowerCase().includes(q),
            )) &&
          (state === undefined || feed.state.code.toLowerCase() === state) &&
          (owner === undefined || feed.owners.some((one) => one.name.toLowerCase() === owner)),
      );
      const removed = (await store.removed()).map(({ document, by, at, tables }) => ({
        name: String(document.name),
        by,
        at,
        tablesGo: tables === undefined ? null : new Date(Date.parse(at) + RESTORABLE_MS).toISOString(),
      }));
      const drafts = (await store.drafts()).map(({ name, by, at, waitingFor }) => ({ name, by, at, waitingFor }));
      return { json: { feeds, removed, drafts } };
    },
    async feedStatus({ parameters, principal }) {
      const feed = find(parameters.name);
      const managed = await store.find(feed.name);
      return {
        json: {
          name: feed.name,
          state: feedState(feed, now()),
          provenance: await provenanceOf(feed),
          etag: managed?.etag ?? null,
          view: mayOperate(principal) ? feed.view : withoutRefusals(feed.view),
          secrets: managed === undefined ? {} : await store.shownSecrets(feed.name, managed.document),
          jobs: jobs.ofFeed(feed.name),
        },
      };
    },
    async feedEffective({ parameters }) {
      const { configured, problems } = find(parameters.name);
      if (configured === null)
        throw refused(409, 'INVALID', problems[0]?.message ?? 'Its configuration is not valid.', 'Correct it first.');
      return {
        json: {
          keys: [...configured.settings.values()]
            .filter(({ key }) => !key.shared)
            .map(({ key, value, origin }) => ({
              path: key.path,
              value: key.secret && typeof value === 'string' ? '[secret]' : (value as Json),
              origin: { kind: origin.kind, name: origin.name },
            })),
        },
      };
    },
    async feedActivity({ parameters, query }) {
      const feed = find(parameters.name);
      const range = (query.get('range') ?? '24h') as ActivityRange;
      if (!RANGES.includes(range))
        throw refused(422, 'RANGE', 'There is no such range.', `Ask for one of ${RANGES.join(', ')}.`);
      const series = supervisor.activity(feed.name, range);
      const at = new Date(now()).toISOString();
      const marks = (await store.revisions(feed.name)).map((one) => ({
        at: one.at,
        kind: one.action,
        text: `${one.action} by ${one.by}`,
      }));
      const limit = feed.configured?.config.health.noDataAfterMs;
      const json: Activity = {
        ...(series ?? { from: at, to: at, step: 60, series: {} }),
        marks: marks.filter((mark) => series !== undefined && mark.at >= series.from),
        silenceLimitSeconds: limit === undefined ? null : limit / 1000,
      };
      return { json };
    },
    async feedCompleteness({ parameters }) {
      const { view } = find(parameters.name);
      return {
        json: { hours: view?.reconciliation ?? [], missing: missingOf(view) ?? 0, repair: view?.repair ?? null },
      };
    },
    async feedLog({ parameters, query, principal }) {
      const feed = find(parameters.name);
      const after = Number(query.get('after') ?? 0);
      if (!Number.isSafeInteger(after) || after < 0)
        throw refused(422, 'AFTER', 'after is no number of a line.', 'Send the next of the answer before.');
      const found = supervisor.log(feed.name, after);
      const level = query.get('level');
      const isOperator = mayOperate(principal);
      const lines = found.filter(
        (line) => (level === null || line.level === level) && (isOperator || !line.message.startsWith(REFUSED_REQUEST)),
      );
      return {
        json: {
          lines: lines.map((line) => ({ ...line, fields: line.fields as Readonly<Record<string, Json>> })),
          next: found.at(-1)?.id ?? after,
          lost: found.length === 0 || after === 0 ? 0 : Math.max(0, found[0]!.id - after - 1),
        },
      };
    },
    async job({ parameters }) {
      const job = jobs.find(parameters.id!);
      if (job === undefined)
        throw refused(404, 'NO_JOB', 'There is no such job (any more).', 'See the status of its feed.');
      return { json: job };
    },
  };
}

function mayOperate(principal: Principal | undefined): boolean {
  return principal !== undefined && mayDo(principal.role, { role: 'operator' });
}

/** Why a webhook was refused helps who tries secrets: it is for the operator alone. */
function withoutRefusals(view: FeedView | null): FeedView | null {
  if (view === null || view.webhook === null) return view;
  const { degraded } = view.webhook;
  return {
    ...view,
    webhook: {
      ...view.webhook,
      lastRefused: null,
      degraded: degraded === null ? null : 'It does not take all requests; an operator sees why.',
    },
  };
}

/** Events per hour of the last day, oldest first. An hour of which no minute is known is null. */
function hourly(activity: ReturnType<Supervisor['activity']>): (number | null)[] {
  const minutes = activity?.series.events ?? [];
  const per = activity === undefined ? 60 : Math.max(1, Math.round(3600 / activity.step));
  return Array.from({ length: HOURS }, (_unused, hour) => {
    const end = minutes.length - (HOURS - 1 - hour) * per;
    const known = minutes.slice(Math.max(0, end - per), Math.max(0, end)).filter((count) => count !== null);
    return known.length === 0 ? null : known.reduce((sum, count) => sum + count, 0);
  });
}
