/** One line of Prometheus' text format. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Family {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly samples: Sample[];
}

/**
 * Reads Prometheus' text format 0.0.4 and refuses whatever the format does not allow: a sample without HELP and TYPE, a
 * family in two parts, a series twice, a broken label or number, a histogram that does not add up.
 */
export function parseMetrics(text: string): Map<string, Family> {
  if (!text.endsWith('\n')) throw new Error('the last line does not end');
  const families = new Map<string, Family>();
  const helps = new Map<string, string>();
  const seen = new Set<string>();
  let current: Family | undefined;
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const comment = /^# (HELP|TYPE) ([a-zA-Z_:][\w:]*) (.+)$/.exec(line);
    if (comment) {
      const [, kind, name, rest] = comment as unknown as [string, string, string, string];
      if (kind === 'HELP') helps.set(name, rest);
      else if (families.has(name)) throw new Error(`${name} comes in two parts`);
      else if (!/^(?:counter|gauge|histogram)$/.test(rest)) throw new Error(`${name} has no type we export: ${rest}`);
      else {
        const help = helps.get(name);
        if (help === undefined) throw new Error(`${name} has no help`);
        current = { name, type: rest, help, samples: [] };
        families.set(name, current);
      }
      continue;
    }
    const sample = parseSample(line);
    const base = current?.type === 'histogram' ? sample.name.replace(/_(?:bucket|sum|count)$/, '') : sample.name;
    if (current === undefined || base !== current.name) throw new Error(`a stray sample: ${line}`);
    const series = `${sample.name} ${JSON.stringify(Object.entries(sample.labels).sort())}`;
    if (seen.has(series)) throw new Error(`twice: ${series}`);
    seen.add(series);
    current.samples.push(sample);
  }
  for (const family of families.values()) if (family.type === 'histogram') checkHistogram(family);
  return families;
}

/** The value of one series; undefined where there is none. */
export function seriesValue(
  text: string,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  for (const family of parseMetrics(text).values())
    for (const sample of family.samples)
      if (sample.name === name && Object.entries(labels).every(([label, value]) => sample.labels[label] === value))
        return sample.value;
  return undefined;
}

function parseSample(line: string): Sample {
  const found = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
  if (!found) throw new Error(`not a sample: ${line}`);
  const [, name, labels, number] = found as unknown as [string, string, string | undefined, string];
  const value = number === '+Inf' ? Number.POSITIVE_INFINITY : Number(number);
  if (Number.isNaN(value)) throw new Error(`not a number: ${line}`);
  return { name, labels: parseLabels(labels ?? ''), value };
}

function parseLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  let rest = text;
  while (rest !== '') {
    const found = /^([a-zA-Z_]\w*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/.exec(rest);
    if (!found) throw new Error(`broken labels: ${text}`);
    if (found[1]! in labels) throw new Error(`a label twice: ${text}`);
    labels[found[1]!] = found[2]!.replace(/\\(.)/g, (_, character: string) => (character === 'n' ? '\n' : character));
    rest = rest.slice(found[0].length);
  }
  return labels;
}

function checkHistogram({ name, samples }: Family): void {
  const last = new Map<string, number>();
  for (const { name: sample, labels, value } of samples) {
    const { le, ...own } = labels;
    const series = JSON.stringify(Object.entries(own).sort());
    if (sample === `${name}_bucket`) {
      if (value < (last.get(series) ?? 0)) throw new Error(`${name}: bucket ${le} is smaller than the one before`);
      last.set(series, value);
    } else if (sample === `${name}_count` && last.get(series) !== value)
      throw new Error(`${name}: count is not the last bucket`);
  }
}
