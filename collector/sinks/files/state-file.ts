import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { isObject, type JsonValue } from '../../../mappings/json.js';
import { CollectorError } from '../../errors.js';
import { isMissing, replaceFile, replaceUnsynced } from '../../files/durable-file.js';
import { refuseOutdated, STATE_VERSION } from '../../position/state-version.js';

/** What a state file holds, or why it holds nothing that can be trusted. */
export type StateRead<State> =
  | { readonly kind: 'absent' }
  | { readonly kind: 'valid'; readonly state: State }
  | { readonly kind: 'corrupt'; readonly reason: string };

/**
 * Reads a state file: JSON with a version and the SHA-256 of its state.
 * @param isState the last check: whether the value has the shape that the caller wrote
 * @throws CollectorError STATE_OUTDATED
 */
export async function readState<State>(
  path: string,
  isState: (value: unknown) => value is State,
): Promise<StateRead<State>> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (isMissing(error)) return { kind: 'absent' };
    throw error;
  }
  if (text === '') return { kind: 'corrupt', reason: 'it is empty' };
  let value: JsonValue;
  try {
    value = JSON.parse(text);
  } catch {
    return { kind: 'corrupt', reason: 'it is not complete JSON' };
  }
  if (!isObject(value)) return { kind: 'corrupt', reason: 'it is not an object' };
  refuseOutdated(value.version, path);
  if (value.version !== STATE_VERSION)
    return {
      kind: 'corrupt',
      reason: `its version is ${JSON.stringify(value.version)}, this program reads ${STATE_VERSION}`,
    };
  if (value.sha256 !== checksum(JSON.stringify(value.state)))
    return { kind: 'corrupt', reason: 'its checksum does not match its content' };
  const state: unknown = value.state;
  return isState(state) ? { kind: 'valid', state } : { kind: 'corrupt', reason: 'it lacks a part of the state' };
}

/** A lane's last state, and why it had to be read from its copy where it had. */
export interface LastState<State> {
  readonly state: State;
  readonly copied: string | undefined;
}

/**
 * Reads a lane's state, or its copy where the state cannot be used. Undefined where there is neither.
 * @param base the files' path without `.json` and `.bak`
 * @throws CollectorError STATE_CORRUPT where neither can be used though one is there
 */
export async function readLastState<State>(
  base: string,
  isState: (value: unknown) => value is State,
): Promise<LastState<State> | undefined> {
  const stored = await readState(`${base}.json`, isState);
  if (stored.kind === 'valid') return { state: stored.state, copied: undefined };
  const copy = await readState(`${base}.bak`, isState);
  if (stored.kind === 'absent' && copy.kind === 'absent') return undefined;
  const reason = stored.kind === 'absent' ? 'it is missing' : stored.reason;
  if (copy.kind === 'valid') return { state: copy.state, copied: reason };
  throw new CollectorError('STATE_CORRUPT', `Neither ${base}.json (${reason}) nor its copy ${base}.bak can be read.`, {
    cure: 'Restore the directory from a backup, or move it away to start from the beginning.',
  });
}

/** Replaces a state file in one step. `beforeRename` is for tests that stop the process just before. */
export async function writeState(path: string, state: unknown, beforeRename?: () => Promise<void>): Promise<void> {
  await replaceFile(path, stateText(state), beforeRename);
}

/** Replaces the copy of a state, which may be the one before: the next state syncs the directory that both lie in. */
export async function writeCopy(path: string, state: unknown): Promise<void> {
  await replaceUnsynced(path, stateText(state));
}

function stateText(state: unknown): string {
  const body = JSON.stringify(state);
  return `{"version":${STATE_VERSION},"sha256":"${checksum(body)}","state":${body}}\n`;
}

function checksum(text: string | undefined): string {
  return createHash('sha256')
    .update(text ?? '')
    .digest('hex');
}
