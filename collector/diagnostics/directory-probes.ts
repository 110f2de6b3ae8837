import { isObject, type JsonObject } from '../../mappings/json.js';
import { asCollectorError } from '../errors.js';
import { edgeStages, objectStages } from '../inventory/stages.js';
import type { Client } from '../jumpcloud/client.js';
import type { AskDirectory } from '../jumpcloud/directory/ask.js';
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

/** What this tenant shows of the open questions about the directory API; asks one page of one row per list. */
export async function answerDirectoryQuestions(client: Client | undefined, signal: AbortSignal): Promise<Answered[]> {
  const ask = client?.directory;
  const used = client?.credential.state.used ?? 'no credential';
  const answers: Answered[] = [];
  for (const { name, list, scope } of objectStages) {
    const question = `Does ${list.path} answer to ${used} (scope ${scope}, stage ${name})?`;
    const { withoutOrganization = false } = list;
    const query = new URLSearchParams({ ...list.query, limit: '1', skip: '0' });
    answers.push({ question, answer: await describe(ask, `${list.path}?${query}`, withoutOrganization, signal) });
  }
  const group = await firstId(ask, '/api/v2/usergroups?limit=1', signal);
  const application = await firstId(ask, '/api/applications?limit=1', signal);
  for (const { name, list, scope, targets } of edgeStages) {
    const parent = name === 'memberships' ? group : application;
    const [target = 'user'] = targets;
    const { path, query } = list(parent ?? '{id}', target);
    const question = `Does ${list('{id}', target).path} answer to ${used} (scope ${scope}), and with x-total-count?`;
    const asked = `${path}?${new URLSearchParams({ ...query, limit: '1', skip: '0' })}`;
    answers.push({ question, answer: parent === undefined ? NOT_SEEN : await describe(ask, asked, false, signal) });
  }
  const tooMany = await describe(ask, `/api/v2/usergroups/${group ?? '{id}'}/members?limit=101`, false, signal);
  answers.push({
    question: 'Is more than a hundred rows per page refused on members?',
    answer: group === undefined ? NOT_SEEN : tooMany,
  });
  return [...answers, ...UNASKED.map((question) => ({ question, answer: NOT_SEEN }))];
}

async function describe(
  ask: AskDirectory | undefined,
  path: string,
  withoutOrganization: boolean,
  signal: AbortSignal,
): Promise<string> {
  if (ask === undefined) return `${NOT_SEEN}: no console belongs to this base URL`;
  try {
    const { value, headers } = await ask(path, { withoutOrganization }, signal);
    const total = headers['x-total-count'] ?? (isObject(value) ? value.totalCount : undefined);
    return `200${total === undefined ? ' without a count' : `, count ${String(total)}`}`;
  } catch (error) {
    const { code, message } = asCollectorError(error);
    return `${code}: ${message}`;
  }
}

async function firstId(ask: AskDirectory | undefined, path: string, signal: AbortSignal): Promise<string | undefined> {
  try {
    const value = (await ask?.(path, {}, signal))?.value;
    const rows = Array.isArray(value) ? value : isObject(value) && Array.isArray(value.results) ? value.results : [];
    const [row] = rows.filter(isObject);
    return idIn(row);
  } catch {
    // What the route answers is a question of its own.
    return undefined;
  }
}

function idIn(row: JsonObject | undefined): string | undefined {
  const id = row?._id ?? row?.id;
  return typeof id === 'string' ? id : undefined;
}
