import { isObject, type JsonObject } from '../../mappings/json.js';
import { asCollectorError, CollectorError } from '../errors.js';
import { edgeStages, objectStages, type StageName } from '../inventory/stages.js';
import type { Client } from '../jumpcloud/client.js';
import type { AskDirectory, DirectoryAnswer } from '../jumpcloud/directory/ask.js';
import type { DirectoryList } from '../jumpcloud/directory/list.js';
import type { Answered } from './api-probes.js';

const NOT_SEEN = 'not seen';

/** Open questions about the directory API that no request answers without changing something or waiting long. */
const UNASKED = [
  'At how many requests per second does the directory API answer 429, and with Retry-After?',
  'How long after a write do GET /api/systemusers/{id} and a members list show it?',
  'What does x-org-id do when it is empty? (It is never sent empty.)',
  'What does the report users-to-user-groups hold? (Memberships are read group by group.)',
  'Is a filter that is written wrong ignored, so that everybody is found? (None is sent by an inventory.)',
  'Does suspending or locking a user end the session of the administrator linked to it?',
  'Does suspending a user who is suspended, staged or locked answer 409, and does the route take x-org-id?',
  'Does /state/activate answer for a suspended user? (A suspension is undone by PUT.)',
  'When does a user whose password was expired show it (password_expired, password_expiration_date)?',
  'What scopes can a custom role have, by name, and do the lists need others than those above?',
  'Which sourceType have alerts about users, and is referenceId the id of the event behind an alert?',
  'In which header, with which timeout, repeats, size and source addresses does a webhook come, and what do its bodies hold?',
  'Does an ordinary day remove more than a fifth of the known objects of a stage? (Such removals are held.)',
  'Which version of D3FEND do the techniques of Remediation Activity belong to?',
];

/** How the list of a stage answered. */
export interface StageProbe {
  readonly stage: StageName;
  /** With `{id}` for a parent's. */
  readonly path: string;
  readonly scope: string;
  /** Undefined: not asked, since no parent was seen or no console belongs to the base URL. */
  readonly answer: DirectoryAnswer | CollectorError | undefined;
}

/** Asks for one page of one row of each stage's list. */
export async function probeStages(ask: AskDirectory | undefined, signal: AbortSignal): Promise<StageProbe[]> {
  const parents = {
    groups: await firstId(ask, 'groups', signal),
    applications: await firstId(ask, 'applications', signal),
  };
  const probes: StageProbe[] = [];
  for (const { name: stage, list, scope } of objectStages)
    probes.push({ stage, path: list.path, scope, answer: await askOne(ask, list, signal) });
  for (const { name: stage, list, scope, targets, parents: of } of edgeStages) {
    const [target = 'user'] = targets;
    const parent = parents[of as keyof typeof parents];
    const answer = parent === undefined ? undefined : await askOne(ask, list(parent, target), signal);
    probes.push({ stage, path: list('{id}', target).path, scope, answer });
  }
  return probes;
}

/** What this tenant shows of the open questions about the directory API; asks one page of one row per list. */
export async function answerDirectoryQuestions(client: Client | undefined, signal: AbortSignal): Promise<Answered[]> {
  const ask = client?.directory;
  const used = client?.hasDirectoryAccount ? 'service-account' : (client?.credential.state.used ?? 'no credential');
  const answers = (await probeStages(ask, signal)).map(({ stage, path, scope, answer }) => ({
    question: `Does ${path} answer to ${used} (scope ${scope}, stage ${stage}), and with a count?`,
    answer: described(answer),
  }));
  const group = await firstId(ask, 'groups', signal);
  answers.push({
    question: 'Is the list of groups in the order of ids (sort=id)?',
    answer: await orderOfGroups(ask, signal),
  });
  const members = { path: `/api/v2/usergroups/${group}/members`, form: 'array', query: { limit: '101' } } as const;
  answers.push({
    question: 'Is more than a hundred rows per page refused on members?',
    answer: described(group === undefined ? undefined : await askOne(ask, members, signal)),
  });
  return [...answers, ...UNASKED.map((question) => ({ question, answer: NOT_SEEN }))];
}

async function askOne(
  ask: AskDirectory | undefined,
  { path, query, withoutOrganization = false }: DirectoryList,
  signal: AbortSignal,
): Promise<StageProbe['answer']> {
  const search = new URLSearchParams({ limit: '1', skip: '0', ...query });
  try {
    return await ask?.(`${path}?${search}`, { withoutOrganization }, signal);
  } catch (error) {
    return asCollectorError(error);
  }
}

function described(answer: StageProbe['answer']): string {
  if (answer === undefined) return NOT_SEEN;
  if (answer instanceof CollectorError) return `${answer.code}: ${answer.message}`;
  const { value, headers } = answer;
  const total = headers['x-total-count'] ?? (isObject(value) ? value.totalCount : undefined);
  if (typeof total === 'object') return '200, with a count that is no number';
  return `200${total === undefined ? ' without a count' : `, count ${total}`}`;
}

async function orderOfGroups(ask: AskDirectory | undefined, signal: AbortSignal): Promise<string> {
  const answer = await askOne(
    ask,
    { path: '/api/v2/usergroups', form: 'array', query: { limit: '100', sort: 'id' } },
    signal,
  );
  if (answer instanceof CollectorError) return described(answer);
  const ids = rowsOf(answer).flatMap((row) => idIn(row) ?? []);
  if (ids.length < 2) return NOT_SEEN;
  return ids.every((id, at) => at === 0 || (ids[at - 1] ?? '') < id) ? `yes, ${ids.length} of them` : 'no';
}

async function firstId(
  ask: AskDirectory | undefined,
  stage: StageName,
  signal: AbortSignal,
): Promise<string | undefined> {
  const list = objectStages.find(({ name }) => name === stage)?.list;
  return idIn(rowsOf(list && (await askOne(ask, list, signal)))[0]);
}

function rowsOf(answer: StageProbe['answer']): JsonObject[] {
  if (answer === undefined || answer instanceof CollectorError) return [];
  const { value } = answer;
  const rows = Array.isArray(value) ? value : isObject(value) && Array.isArray(value.results) ? value.results : [];
  return rows.filter(isObject);
}

function idIn(row: JsonObject | undefined): string | undefined {
  const id = row?._id ?? row?.id;
  return typeof id === 'string' ? id : undefined;
}
