import { stringify } from 'yaml';
import type { JsonValue } from '../../mappings/json.js';
import { isObject } from '../../mappings/json.js';
import type { LoadedConfig } from './load-config.js';
import type { Setting, Settings } from './setting.js';

/**
 * The configuration in force as YAML, each value with where it comes from, secrets left out (a file that holds one is
 * named). With several feeds: what concerns the process, then each feed in full.
 */
export function describeConfig(config: Pick<LoadedConfig, 'effective' | 'file'>): string {
  const head = [config.file === undefined ? '# no configuration file' : `# configuration file: ${config.file}`];
  const [first = new Map()] = config.effective;
  const directory = first.get('feeds.directory');
  if (config.effective.length === 1 && directory === undefined) return `${[...head, ...lines(first, 0)].join('\n')}\n`;
  if (directory !== undefined)
    head.push(`# the feeds of ${flow(directory.value)} (${directory.origin.name}) are listed`);
  const feeds = config.effective.flatMap((settings) =>
    lines(only(settings, false), 4).map((line, index) => (index === 0 ? line.replace('    ', '  - ') : line)),
  );
  return `${[...head, ...lines(only(first, true), 0), 'feeds:', ...feeds].join('\n')}\n`;
}

function only(settings: Settings, shared: boolean): Settings {
  return new Map(
    [...settings].filter(([path, setting]) => setting.key.shared === shared && path !== 'feeds.directory'),
  );
}

function lines(settings: Settings, indent: number): string[] {
  const printed: string[] = [];
  let open: readonly string[] = [];
  for (const setting of settings.values()) {
    const sections = setting.key.segments.slice(0, -1);
    const common = sections.findIndex((section, index) => open[index] !== section);
    const from = common === -1 ? sections.length : common;
    for (let depth = from; depth < sections.length; depth++)
      printed.push(`${' '.repeat(indent + 2 * depth)}${sections[depth]}:`);
    open = sections;
    printed.push(`${' '.repeat(indent + 2 * sections.length)}${line(setting)}`);
  }
  return printed;
}

function line({ key, value, origin }: Setting): string {
  return `${key.segments.at(-1)}: ${flow(key.secret ? withoutSecret(value) : value)}  # ${origin.name}`;
}

function withoutSecret(value: JsonValue): JsonValue {
  return isObject(value) ? value : '[secret]';
}

function flow(value: JsonValue): string {
  return stringify(value, { collectionStyle: 'flow', lineWidth: 0 }).trimEnd();
}
