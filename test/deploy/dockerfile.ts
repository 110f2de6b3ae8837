/** One instruction as written; `rest` is the text after its name (and its `--flags`), with continuation lines joined. */
export interface Instruction {
  readonly name: string;
  readonly flags: ReadonlyMap<string, string>;
  readonly rest: string;
}

/** From one FROM to the next. */
export interface Stage {
  /** What follows AS; the number of the stage where nothing does. */
  readonly name: string;
  readonly base: string;
  readonly platform: string | undefined;
  readonly instructions: readonly Instruction[];
}

const known = /^(FROM|ARG|WORKDIR|COPY|RUN|ENV|LABEL|USER|VOLUME|EXPOSE|HEALTHCHECK|ENTRYPOINT|CMD)$/;

/**
 * Reads a Dockerfile of the plain kind: no heredocs, no ONBUILD, no ADD, no SHELL.
 * @throws Error naming what it does not know, so that nothing is passed over.
 */
export function parseDockerfile(text: string): { args: ReadonlyMap<string, string>; stages: readonly Stage[] } {
  const args = new Map<string, string>();
  const stages: { name: string; base: string; platform: string | undefined; instructions: Instruction[] }[] = [];
  for (const line of logicalLines(text)) {
    const instruction = parseInstruction(line);
    const stage = stages.at(-1);
    if (instruction.name === 'FROM') {
      const [base = '', as, name] = instruction.rest.split(/\s+/);
      if (as !== undefined && as.toUpperCase() !== 'AS') throw new Error(`cannot read: ${line}`);
      stages.push({
        name: name ?? String(stages.length),
        base: substitute(base, args),
        platform: instruction.flags.get('platform'),
        instructions: [],
      });
    } else if (stage === undefined) {
      if (instruction.name !== 'ARG') throw new Error(`${instruction.name} stands before the first FROM`);
      args.set(...nameAndDefault(instruction.rest));
    } else stage.instructions.push(instruction);
  }
  return { args, stages };
}

/** Puts values in the place of `${NAME}` and `$NAME`. @throws Error for a name without a value. */
export function substitute(text: string, values: ReadonlyMap<string, string>): string {
  return text.replace(/\$(?:\{(\w+)\}|(\w+))/g, (_, braced?: string, bare?: string) => {
    const name = braced ?? bare ?? '';
    const value = values.get(name);
    if (value === undefined) throw new Error(`no value for ${name}`);
    return value;
  });
}

/** `NAME=value` of ARG; a missing default is the empty string. */
export function nameAndDefault(text: string): [string, string] {
  const equals = text.indexOf('=');
  return equals < 0 ? [text, ''] : [text.slice(0, equals), text.slice(equals + 1)];
}

/** `KEY=value KEY="value with spaces"` of ENV and LABEL. */
export function pairs(text: string): Map<string, string> {
  const found = new Map<string, string>();
  const rest = text.replace(/([\w.-]+)=(?:"([^"]*)"|(\S*))\s*/g, (_, key: string, quoted?: string, bare?: string) => {
    found.set(key, quoted ?? bare ?? '');
    return '';
  });
  if (rest.trim() !== '') throw new Error(`cannot read: ${rest}`);
  return found;
}

/** The JSON array of an exec form. @throws Error for the shell form, which this image must not need. */
export function execForm(text: string): string[] {
  const parsed: unknown = JSON.parse(text);
  if (!Array.isArray(parsed) || !parsed.every((word) => typeof word === 'string'))
    throw new Error(`not an exec form: ${text}`);
  return parsed;
}

function logicalLines(text: string): string[] {
  const joined = text
    .split('\n')
    .filter((line) => !/^\s*#/.test(line))
    .join('\n')
    .replace(/\\\n\s*/g, ' ');
  return joined.split('\n').filter((line) => line.trim() !== '');
}

function parseInstruction(line: string): Instruction {
  const [, name = '', all = ''] = /^\s*(\w+)\s+(.*)$/s.exec(line) ?? [];
  if (!known.test(name)) throw new Error(`cannot read: ${line}`);
  const flags = new Map<string, string>();
  let rest = all.trim();
  for (let match = flag(rest); match !== null; match = flag(rest)) {
    flags.set(match[1]!, match[2]!);
    rest = rest.slice(match[0].length);
  }
  return { name, flags, rest };
}

const flag = (text: string) => /^--([a-z-]+)=(\S+)\s+/.exec(text);
