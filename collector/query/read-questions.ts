import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { nearest } from '../config/did-you-mean.js';
import { CollectorError } from '../errors.js';
import { parseQuestion, type Question } from './question.js';

const DIRECTORY = fileURLToPath(new URL('./questions/', import.meta.url));
const ENDING = '.sql';

/** Every ready question, by name. */
export function readQuestions(): Question[] {
  return readdirSync(DIRECTORY)
    .filter((file) => file.endsWith(ENDING))
    .sort()
    .map((file) => parseQuestion(file.slice(0, -ENDING.length), readFileSync(`${DIRECTORY}${file}`, 'utf8')));
}

/** @throws CollectorError USAGE where there is no question of this name */
export function questionNamed(name: string, questions = readQuestions()): Question {
  const found = questions.find((question) => question.name === name);
  if (found !== undefined) return found;
  const alike = nearest(
    name,
    questions.map((question) => question.name),
  );
  throw new CollectorError('USAGE', `There is no question ${JSON.stringify(name).slice(0, 100)}.`, {
    cure: `${alike === undefined ? '' : `Did you mean ${alike}? `}query --list shows all of them.`,
  });
}
