import { existsSync, readFileSync } from 'node:fs';

/** The modules in a bundle, by its source map; the file itself where it has none. */
export function modulesWithin(file: URL): string[] {
  const map = new URL(`${file.href}.map`);
  if (!existsSync(map)) return [file.href];
  const { sources } = JSON.parse(readFileSync(map, 'utf8')) as { sources: string[] };
  return sources.map((source) => new URL(source, file).href);
}
