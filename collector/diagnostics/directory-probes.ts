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
  const used = client?.credential.state.used ?? 'no credential';
  const answers = (await probeStages(ask, signal)).map(({ stage, path, scope, answer }) => ({
    question: `Does ${path} answer to ${used} (scope ${scope}, stage ${stage}), and with a count?`,
    answer: described(answer),
  }));
  const group = await firstId(ask, 'groups', signal);
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
  return `200${total === undefined ? ' without a count' : `, count ${String(total)}`}`;
}

async function firstId(
  ask: AskDirectory | undefined,
  stage: StageName,
  signal: AbortSignal,
): Promise<string | undefined> {
  const list = objectStages.find(({ name }) => name === stage)?.list;
  const answer = list && (await askOne(ask, list, signal));
  if (answer === undefined || answer instanceof CollectorError) return undefined;
  const { value } = answer;
  const rows = Array.isArray(value) ? value : isObject(value) && Array.isArray(value.results) ? value.results : [];
  return idIn(rows.find(isObject));
}

function idIn(row: JsonObject | undefined): string | undefined {
  const id = row?._id ?? row?.id;
  return typeof id === 'string' ? id : undefined;
}
