import { CollectorError } from '../errors.js';
import { type BoundParameter, type ParameterType, parameterTypes, readParameter } from './parameters.js';

/** A parameter of a ready question. */
export interface QuestionParameter {
  readonly name: string;
  readonly type: ParameterType;
  /** As a user would write it. */
  readonly standard: string;
  /** What it is, in one sentence. */
  readonly about: string;
}

/** A ready question: a statement with what it answers. */
export interface Question {
  /** As it is asked for: `password-spraying`. */
  readonly name: string;
  readonly title: string;
  /** What its rows say. */
  readonly answers: string;
  readonly parameters: readonly QuestionParameter[];
  /** Views that it reads. */
  readonly tables: readonly string[];
  /** Of MITRE ATT&CK, `T1110.003 Password Spraying`; undefined where none fits. */
  readonly technique: string | undefined;
  /** Names of the lists (`questions.lists`) that its parameters of type `list` take where they are not given. */
  readonly lists: readonly string[];
  /** Columns that say which row one is, while its others change; undefined: all of them. */
  readonly row: readonly string[] | undefined;
  readonly sql: string;
}

const HEADER = /^-- ?(.*)$/;
const PARAMETER = /^\s+(\w+) (\w+) = ?(.*?) -- (.+)$/;
const FIELDS = ['title', 'answers', 'tables', 'row', 'technique', 'parameters'];

/**
 * Reads a question's file: comment lines `-- title: …`, `-- answers: …`, `-- tables: a, b`, `-- row: a, b`, `-- technique: …`,
 * `-- parameters:` with a line `--   name type = default -- what it is` each, and the statement.
 * @throws TypeError for a file that is none: a defect of the file
 */
export function parseQuestion(name: string, text: string): Question {
  const lines = text.split('\n');
  const end = lines.findIndex((line) => !HEADER.test(line));
  const fields = new Map<string, string>();
  const parameters: QuestionParameter[] = [];
  let last = '';
  for (const line of lines.slice(0, end)) {
    const content = HEADER.exec(line)?.[1] ?? '';
    const [, field, value = ''] = /^(\w+): ?(.*)$/.exec(content) ?? [];
    if (field !== undefined && FIELDS.includes(field)) {
      fields.set(field, value.trim());
      last = field;
    } else if (last === 'parameters') parameters.push(parameterOf(name, content));
    else fields.set(last, `${fields.get(last) ?? ''} ${content.trim()}`);
  }
  const need = (field: string) => {
    const value = fields.get(field);
    if (value === undefined || value === '') throw new TypeError(`The question ${name} has no ${field}`);
    return value;
  };
  return {
    name,
    title: need('title'),
    answers: need('answers'),
    parameters,
    tables: need('tables').split(/,\s*/),
    technique: fields.get('technique'),
    row: fields.get('row')?.split(/,\s*/),
    lists: parameters.filter(({ type, standard }) => type === 'list' && standard === '').map((one) => one.name),
    sql: lines.slice(end).join('\n').trim(),
  };
}

function parameterOf(question: string, line: string): QuestionParameter {
  const [, name, type, standard, about] = PARAMETER.exec(line) ?? [];
  if (name === undefined || about === undefined || !parameterTypes.some((known) => known === type))
    throw new TypeError(`The question ${question} has a parameter that cannot be read: ${line}`);
  return { name, type: type as ParameterType, standard: standard ?? '', about };
}

/** What is given for parameters: by name as text, and lists by name from the configuration. */
export interface GivenValues {
  readonly parameters: ReadonlyMap<string, string>;
  readonly lists: ReadonlyMap<string, readonly string[]>;
}

/**
 * The values of a question's parameters: those given, else the list of that name, else the defaults.
 * @param now epoch milliseconds
 * @throws CollectorError USAGE for a parameter that it does not have, or a text that is no value
 */
export function parameterValues(question: Question, { parameters, lists }: GivenValues, now: number): BoundParameter[] {
  const known = question.parameters.map(({ name }) => name);
  const unknown = [...parameters.keys()].find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw new CollectorError('USAGE', `The question ${question.name} has no parameter ${JSON.stringify(unknown)}.`, {
      cure: `It has ${known.join(', ')}; query --list shows what they mean.`,
    });
  return question.parameters.map(({ name, type, standard }) => {
    const given = parameters.get(name);
    const list = lists.get(name);
    if (given === undefined && type === 'list' && list !== undefined) return { name, type, value: list };
    return readParameter(name, type, given ?? standard, now);
  });
}
