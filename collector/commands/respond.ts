import { userInfo } from 'node:os';
import type { Flags } from '../config/flags.js';
import { interactiveLimits } from '../diagnostics/run-checks.js';
import { CollectorError, exitCodes } from '../errors.js';
import { journalLines, verifyJournal } from '../files/hash-chained-journal.js';
import { printable } from '../log/printable.js';
import { type ActionRecord, JOURNAL, type Outcome, readActions } from '../response/action-journal.js';
import { approve, execute, plan, settleAll, undo } from '../response/execute.js';
import type { Refusal } from '../response/guards.js';
import type { Plan, ResponseAsk } from '../response/plan.js';
import { type Verb, verbs } from '../response/verbs.js';
import { openResponse, type Response } from '../runtime/open-response.js';
import { chosen } from './choose-feed.js';
import { setUp } from './load.js';
import { writeJson, writeText } from './output.js';

type Common = Flags & { feed?: string | undefined };
type ActionFlags = Common & {
  action: Verb;
  user: string;
  group?: string | undefined;
  reason: string;
  ticket?: string | undefined;
  actionId?: string | undefined;
  forceScheduled: boolean;
  notOurs: boolean;
  json: boolean;
};

const NOT_EXECUTED = 'NOT EXECUTED (plan only)';

/** `respond plan` */
export async function planAction(flags: ActionFlags): Promise<number> {
  return runAction({ ...flags, execute: false });
}

/** `respond run` */
export async function runAction(flags: ActionFlags & { execute: boolean }): Promise<number> {
  const { action: verb, group } = flags;
  if (verbs[verb].ofGroup !== (group !== undefined))
    throw new CollectorError('USAGE', `${verb} ${verbs[verb].ofGroup ? 'needs --group' : 'takes no --group'}.`, {
      cure: verbs[verb].ofGroup ? 'Name the user group by its id or name.' : 'Leave it out.',
    });
  return withResponse(flags, (response) => carryOut(askOf(flags), response, flags));
}

/** `respond undo` */
export async function undoAction(flags: Common & { id: string; json: boolean; execute: boolean }): Promise<number> {
  return withResponse(flags, async (response) => {
    const made = await undo(recordOf(response, flags.id), requester(), response.deps);
    if ('code' in made) return refuse(made, flags.json);
    return carryOut(made, response, flags);
  });
}

/** `respond approve` */
export async function approveAction(flags: Common & { id: string; hash: string }): Promise<number> {
  return withResponse(flags, async (response) => {
    const refusal = await approve(recordOf(response, flags.id), flags.hash, requester(), response.deps);
    if (refusal !== undefined) return refuse(refusal, false);
    writeText(process.stdout, `${flags.id} is approved by ${requester()} for 15 minutes.\n`);
    return exitCodes.done;
  });
}

/** `respond test`: what the role allows can be proved only by doing it. */
export async function testActions(
  flags: Common & { user: string; group?: string | undefined; json: boolean; execute: boolean },
): Promise<number> {
  return withResponse(flags, async (response) => {
    const allowed = response.deps.policy.allow.filter((one) => !verbs[one].ofGroup || flags.group !== undefined);
    const stamp = new Date(response.deps.clock.now()).toISOString().replace(/\D/g, '').slice(0, 14);
    let exitCode: number = exitCodes.done;
    for (const verb of inOrder(allowed)) {
      const ask: ResponseAsk = {
        verb,
        user: flags.user,
        group: verbs[verb].ofGroup ? flags.group : undefined,
        requester: requester(),
        reason: 'respond test',
        ticket: undefined,
        actionId: `test-${stamp}-${verb}`,
        forceScheduled: false,
        notOurs: false,
        undoes: undefined,
      };
      const code = await carryOut(ask, response, flags);
      if (exitCode === exitCodes.done) exitCode = code;
    }
    return exitCode;
  });
}

/** Each action before the one that undoes it. */
function inOrder(allowed: readonly Verb[]): Verb[] {
  const order: readonly Verb[] = [
    'disable-user',
    'enable-user',
    'add-to-group',
    'remove-from-group',
    'expire-password',
  ];
  return order.filter((verb) => allowed.includes(verb));
}

/** `respond status` */
export async function showActions(flags: Common & { id?: string | undefined; json: boolean }): Promise<number> {
  const { config, log } = setUp(flags);
  try {
    const { respond } = chosen(config.feeds, flags.feed);
    const actions = await readActions(journalLines(respond.directory, JOURNAL));
    const chain = await verifyJournal(respond.directory, JOURNAL);
    const shown = [...actions.values()].filter(
      ({ plan: { actionId } }) => flags.id === undefined || actionId === flags.id,
    );
    if (flags.id !== undefined && shown.length === 0) throw unknownAction(flags.id);
    if (flags.json) writeJson(process.stdout, { actions: shown, chain });
    else writeText(process.stdout, shown.map(line).join('') || 'The journal holds no action.\n');
    if (chain.broken === undefined) return exitCodes.done;
    throw new CollectorError(
      'STATE_CORRUPT',
      `The journal of response is broken in ${chain.broken.file}, line ${chain.broken.line}: ${chain.broken.reason}.`,
      { cure: 'Somebody changed it. Keep it as evidence; compare it with the events that were delivered.' },
    );
  } finally {
    await log.close();
  }
}

function line({
  plan: { actionId, verb, user, group, plannedAt, requester: by },
  outcome,
  intentAt,
}: ActionRecord): string {
  const what = `${verb} ${user.username}${group === undefined ? '' : ` ${group.name}`}`;
  const how =
    outcome === undefined
      ? intentAt === undefined
        ? 'planned'
        : 'begun, without an outcome'
      : `${outcome.result}: ${outcome.detail}`;
  return `${plannedAt}  ${actionId}  ${printable(what)}  by ${printable(by)}  ${printable(how)}\n`;
}

async function withResponse(flags: Common, work: (response: Response) => Promise<number>): Promise<number> {
  const { config, log } = setUp(flags);
  try {
    const feed = chosen(config.feeds, flags.feed);
    const response = await openResponse(feed, log, interactiveLimits);
    try {
      for (const id of await settleAll(response.deps))
        log.warn(`${id} was begun before and had no outcome: the target was read again, nothing was sent`);
      return await work(response);
    } finally {
      await response.close();
    }
  } finally {
    await log.close();
  }
}

async function carryOut(
  ask: ResponseAsk,
  { deps }: Response,
  { json, execute: send }: { readonly json: boolean; readonly execute: boolean },
): Promise<number> {
  const made = await plan(ask, deps);
  const known = deps.actions.get(made.actionId)?.outcome;
  if (!send || made.refusals.length > 0) {
    if (json) writeJson(process.stdout, { executed: false, plan: made, outcome: known ?? null });
    else writeText(process.stdout, `${NOT_EXECUTED}\n${describePlan(made)}${NOT_EXECUTED}\n`);
    return made.refusals.length > 0 ? exitCodes.configuration : exitCodes.done;
  }
  const outcome = await execute(made.actionId, deps);
  if (json) writeJson(process.stdout, { executed: true, plan: made, outcome });
  else writeText(process.stdout, `${describePlan(made)}outcome      ${outcome.result}: ${printable(outcome.detail)}\n`);
  for (const left of made.residualAccess) process.stderr.write(`WARNING: ${printable(left)}\n`);
  return exitCodeOf(outcome);
}

function exitCodeOf({ result, status }: Outcome): number {
  if (result === 'verified' || result === 'no_change') return exitCodes.done;
  if (result === 'unknown') return exitCodes.difference;
  if (result === 'refused') return exitCodes.configuration;
  if (status === 401 || status === 403) return exitCodes.credential;
  return status === 429 ? exitCodes.tryAgain : exitCodes.unavailable;
}

function describePlan(made: Plan): string {
  const { jumpcloud, undoneBy } = verbs[made.verb];
  const before = Object.entries(made.before).map(([name, value]) => `${name} ${value === '' ? 'none' : value}`);
  const rows: [string, string][] = [
    ['action', made.actionId],
    ['what', `${made.verb} (JumpCloud: ${jumpcloud})`],
    ['user', `${made.user.username} ${made.user.email} (${made.user.id})`],
    ...(made.group === undefined ? [] : [['group', `${made.group.name} (${made.group.id})`] as [string, string]]),
    ['now', before.join(', ')],
    ...(made.noChange ? [['change', 'none: it is as wanted already'] as [string, string]] : []),
    ['requested', `by ${made.requester}: ${made.reason}${made.ticket === undefined ? '' : ` (${made.ticket})`}`],
    ...made.refusals.map(({ code, reason, cure }) => ['refused', `${code}: ${reason}. ${cure}`] as [string, string]),
    ...made.warnings.map((text) => ['note', text] as [string, string]),
    ...made.residualAccess.map((text) => ['stays', text] as [string, string]),
    ...made.approval.map(
      (text) =>
        ['approval', `${text}: somebody else runs respond approve ${made.actionId} --hash ${made.hash}`] as [
          string,
          string,
        ],
    ),
    ['undo', undoneBy === undefined ? 'impossible' : `respond undo ${made.actionId}`],
  ];
  return rows.map(([name, value]) => `${name.padEnd(13)}${printable(value)}\n`).join('');
}

function askOf(flags: ActionFlags): ResponseAsk {
  return {
    verb: flags.action,
    user: flags.user,
    group: flags.group,
    requester: requester(),
    reason: flags.reason,
    ticket: flags.ticket,
    actionId: flags.actionId,
    forceScheduled: flags.forceScheduled,
    notOurs: flags.notOurs,
    undoes: undefined,
  };
}

/** Who asks: the operating system's user; JumpCloud itself only sees the service account. */
function requester(): string {
  return userInfo().username;
}

function recordOf({ deps }: Response, id: string): ActionRecord {
  const record = deps.actions.get(id);
  if (record === undefined) throw unknownAction(id);
  return record;
}

function unknownAction(id: string): CollectorError {
  return new CollectorError('USAGE', `The journal holds no action ${printable(id)}.`, { cure: 'See respond status.' });
}

function refuse({ code, reason, cure }: Refusal, json: boolean): number {
  if (json) writeJson(process.stdout, { executed: false, refusal: { code, reason, cure } });
  else
    writeText(
      process.stdout,
      `${NOT_EXECUTED}\nrefused      ${code}: ${printable(reason)}. ${cure}\n${NOT_EXECUTED}\n`,
    );
  return exitCodes.configuration;
}
