import type { FeedConfig } from '../../config/feed-config.js';
import { interactiveLimits } from '../../diagnostics/run-checks.js';
import { asCollectorError, CollectorError } from '../../errors.js';
import { journalLines, verifyJournal } from '../../files/hash-chained-journal.js';
import { systemTiming } from '../../jumpcloud/http/abort.js';
import { type ActionRecord, JOURNAL, readActions } from '../../response/action-journal.js';
import {
  approve,
  execute,
  plan,
  type ResponseDependencies,
  settleAll,
  undo,
  undoOf,
  usualLimits,
  validApproval,
} from '../../response/execute.js';
import type { Refusal } from '../../response/guards.js';
import type { ResponseAsk } from '../../response/plan.js';
import { type Verb, verbs } from '../../response/verbs.js';
import { openResponse, testCredential } from '../../runtime/open-response.js';
import type { ActionState, Bodies, Job, ResponseAction } from '../answers.js';
import { type Answer, type Asked, nameOf, personsOf } from '../handler.js';
import { oneAtATime } from '../one-at-a-time.js';
import { Refused, refused } from '../problem.js';
import { noFeed } from './feeds.js';
import type { ActionHandlers, ResponseParts } from './response.js';

/** Actions in a list; older ones are asked for by id, or read from the journal. */
const MOST_SHOWN = 500;
const TEST_MS = 30_000;

/** Plans, approvals, executions and undos of the feeds whose `respond.allow` holds a verb. */
export function responseActionHandlers({ supervisor, jobs, log }: ResponseParts): ActionHandlers {
  const queues = new Map<string, ReturnType<typeof oneAtATime>>();
  /** Jobs that run an action, by feed and id: a second request for it is answered with the first one's. */
  const running = new Map<string, Job>();

  const configOf = ({ parameters }: Asked): FeedConfig => {
    const feed = supervisor.find(parameters.name!);
    if (feed === undefined) throw noFeed();
    if (feed.configured !== null) return feed.configured.config;
    throw refused(409, 'INVALID', 'Its configuration is not valid.', 'Correct it first.');
  };
  /** Of a feed that may do something. @throws Refused */
  const enabledOf = (asked: Asked): FeedConfig => {
    const config = configOf(asked);
    if (config.respond.allow.length === 0)
      throw refused(
        409,
        'RESPONSE_OFF',
        `Response of ${config.name} is off.`,
        'Name what it may do in respond.allow of its configuration.',
      );
    return config;
  };
  /** Opens response for one piece of work, after those before it; what a crash left open is settled first, by reading. */
  const withResponse = <T>(
    config: FeedConfig,
    work: (deps: ResponseDependencies) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> => {
    const { directory } = config.respond;
    const queue = queues.get(directory) ?? oneAtATime();
    queues.set(directory, queue);
    return queue(async () => {
      const own = log.child({ feed: config.name });
      const response = await openResponse(config, own, interactiveLimits);
      try {
        for (const id of await settleAll(response.deps, signal))
          own.warn(`${id} was begun before and had no outcome: the target was read again, nothing was sent`);
        return await work(response.deps);
      } finally {
        await response.close();
      }
    });
  };
  const shown = (config: FeedConfig, actions: ReadonlyMap<string, ActionRecord>, record: ActionRecord) =>
    actionOf(config, actions, record, running.get(keyOf(config, record.plan.actionId)));
  const keyOf = ({ name }: FeedConfig, id: string) => JSON.stringify([name, id]);
  const planned = async (
    asked: Asked,
    config: FeedConfig,
    deps: ResponseDependencies,
    ask: ResponseAsk,
  ): Promise<Answer<ResponseAction>> => {
    const made = await plan(ask, deps, asked.signal);
    const [first] = made.refusals;
    if (first?.code === 'ACTION_ID_TAKEN') throw refusedBy(first);
    note(asked, deps.actions.get(made.actionId)!);
    return { json: shown(config, deps.actions, deps.actions.get(made.actionId)!) };
  };

  return {
    async settle(config) {
      const isOpen = ({ intentAt, outcome }: ActionRecord) => intentAt !== undefined && outcome === undefined;
      if (![...(await actionsOf(config)).values()].some(isOpen)) return;
      jobs.start(
        { kind: 'respond', feed: config.name, by: 'the start of the console', message: 'reading what was begun' },
        (_report, signal) => withResponse(config, async () => undefined, signal),
      );
    },
    async testResponse(asked) {
      const config = configOf(asked);
      asked.audit.target = { type: 'feed', name: config.name };
      const signal = AbortSignal.any([asked.signal, AbortSignal.timeout(TEST_MS)]);
      try {
        await testCredential(config, log.child({ feed: config.name }), interactiveLimits, { signal });
      } catch (error) {
        const { message, cure } = asCollectorError(error);
        return { json: { works: false, message, cure } };
      }
      const message =
        'The service account reads what an action reads. What it may change shows in an action on a test account.';
      return { json: { works: true, message, cure: null } };
    },
    async listActions(asked) {
      const config = configOf(asked);
      const actions = await actionsOf(config);
      const { lines, broken } = await verifyJournal(config.respond.directory, JOURNAL);
      return {
        json: {
          actions: [...actions.values()]
            .sort((one, other) => other.plan.plannedAt.localeCompare(one.plan.plannedAt))
            .slice(0, MOST_SHOWN)
            .map((record) => shown(config, actions, record)),
          chain: { intact: broken === undefined, lines, broken: broken ?? null },
        },
      };
    },
    async getAction(asked) {
      const config = configOf(asked);
      const actions = await actionsOf(config);
      return { json: shown(config, actions, recordIn(actions, asked)) };
    },
    async planAction(asked) {
      const config = enabledOf(asked);
      const { body } = asked;
      asked.audit.details.verb = body.verb;
      asked.audit.details.user = body.user;
      judgeVerb(asked, body.verb);
      judgeGroup(body);
      return withResponse(config, (deps) =>
        planned(asked, config, deps, {
          verb: body.verb,
          user: body.user,
          group: body.group,
          requester: requesterOf(asked),
          persons: personsOf(asked),
          reason: body.reason,
          ticket: body.ticket,
          actionId: body.actionId,
          forceScheduled: body.forceScheduled === true,
          notOurs: body.notOurs === true,
          undoes: undefined,
        }),
      );
    },
    async approveAction(asked) {
      const config = enabledOf(asked);
      return withResponse(config, async (deps) => {
        const record = recordIn(deps.actions, asked);
        note(asked, record);
        const refusal = await approve(record, asked.body.hash, nameOf(asked), deps);
        if (refusal !== undefined) throw refusedBy(refusal);
        return { json: shown(config, deps.actions, deps.actions.get(record.plan.actionId)!) };
      });
    },
    async runAction(asked) {
      const config = enabledOf(asked);
      const { hash } = asked.body;
      const record = recordIn(await actionsOf(config), asked);
      note(asked, record);
      const { actionId, verb, user } = record.plan;
      judgeVerb(asked, verb);
      judgeHash(record, hash);
      const key = keyOf(config, actionId);
      const present = running.get(key);
      const job =
        present ??
        jobs.start(
          { kind: 'respond', feed: config.name, by: nameOf(asked), message: `${verb} ${user.username}` },
          async (report, signal) => {
            try {
              const { result, detail } = await withResponse(
                config,
                (deps) => {
                  judgeHash(recordIn(deps.actions, asked), hash);
                  return execute(actionId, deps, signal);
                },
                signal,
              );
              report({ message: `${result}: ${detail}` });
            } catch (error) {
              // A job keeps a code of the collector's list.
              if (!(error instanceof Refused)) throw error;
              throw new CollectorError('USAGE', error.problem.detail, { cure: error.problem.cure });
            } finally {
              running.delete(key);
            }
          },
        );
      if (present === undefined) running.set(key, job);
      asked.audit.details.job = job.id;
      return { status: 202, json: job };
    },
    async undoAction(asked) {
      const config = enabledOf(asked);
      return withResponse(config, async (deps) => {
        const record = recordIn(deps.actions, asked);
        note(asked, record);
        const ask = await undo(record, requesterOf(asked), deps);
        if ('code' in ask) throw refusedBy(ask);
        judgeVerb(asked, ask.verb);
        return planned(asked, config, deps, { ...ask, persons: personsOf(asked) });
      });
    },
  };
}

/** As the journal names who asks: a person by name, a token with the person who made it. */
function requesterOf({ principal }: Asked): string {
  const token = principal?.token;
  return token === undefined ? (principal?.name ?? '') : `token ${token.name} of ${token.createdBy}`;
}

async function actionsOf({ respond }: FeedConfig): Promise<Map<string, ActionRecord>> {
  return readActions(journalLines(respond.directory, JOURNAL));
}

/** @throws Refused 404 */
function recordIn(actions: ReadonlyMap<string, ActionRecord>, { parameters }: Asked): ActionRecord {
  const record = actions.get(parameters.id!);
  if (record === undefined)
    throw refused(404, 'NO_ACTION', 'There is no action of that id.', 'See the list of actions.');
  return record;
}

/** What the audit says of a request about an action. */
function note(
  { audit, parameters }: Asked,
  { plan: { actionId, verb, user, group, hash, reason } }: ActionRecord,
): void {
  audit.target = { type: 'action', name: actionId };
  Object.assign(audit.details, { feed: parameters.name, verb, user: user.username, hash, reason });
  if (group !== undefined) audit.details.group = group.name;
}

/** A token does what its verbs name. @throws Refused */
function judgeVerb({ principal }: Asked, verb: Verb): void {
  if (principal?.token === undefined || principal.token.verbs.includes(verb)) return;
  throw refused(403, 'VERB', `The token does not hold the verb ${verb}.`, 'Make a token with the verbs that it needs.');
}

/** @throws Refused */
function judgeGroup({ verb, group }: Bodies['planAction']): void {
  if (verbs[verb].ofGroup === (group !== undefined)) return;
  const message = verbs[verb].ofGroup ? `${verb} needs a group` : `${verb} takes no group`;
  throw refused(422, 'GROUP', `${message}.`, 'Name the user group by its id or name, for the verbs of groups alone.', {
    problems: [{ pointer: '/group', message }],
  });
}

/** What is run is what was seen. @throws Refused */
function judgeHash({ plan: { hash } }: ActionRecord, seen: string): void {
  if (hash !== seen)
    throw refused(409, 'STALE', 'The action was planned again since you read it.', 'Read the plan again, then run it.');
}

function refusedBy({ code, reason, cure }: Refusal): Refused {
  return refused(409, code, `${reason}.`, cure);
}

function actionOf(
  { name }: FeedConfig,
  actions: ReadonlyMap<string, ActionRecord>,
  record: ActionRecord,
  job: Job | undefined,
): ResponseAction {
  // The clock of the journal.
  const now = systemTiming.now();
  const { plan: made, approvals, intentAt, outcome } = record;
  const approval = validApproval(record, usualLimits, now);
  const undoing = undoOf(record, '');
  const undone = `${made.actionId}-undo`;
  return {
    ...made,
    feed: name,
    state: stateOf(record, approval !== undefined, now),
    expiresAt: later(made.plannedAt, usualLimits.planMs),
    approvals,
    approvedUntil: approval === undefined ? null : later(approval.at, usualLimits.approvalMs),
    intentAt: intentAt ?? null,
    outcome: outcome ?? null,
    undoRefusal: 'code' in undoing ? undoing : null,
    undoneBy: actions.has(undone) ? undone : null,
    job: job?.id ?? null,
  };
}

function stateOf({ plan: made, intentAt, outcome }: ActionRecord, isApproved: boolean, now: number): ActionState {
  if (outcome !== undefined && outcome.result !== 'refused') return outcome.result;
  if (intentAt !== undefined) return 'begun';
  if (made.refusals.length > 0) return 'refused';
  if (now - Date.parse(made.plannedAt) > usualLimits.planMs) return 'expired';
  return made.approval.length > 0 && !isApproved ? 'waiting' : 'planned';
}

function later(instant: string, ms: number): string {
  return new Date(Date.parse(instant) + ms).toISOString();
}
