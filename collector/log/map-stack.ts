import { readFileSync } from 'node:fs';
import { SourceMap, type SourceMapPayload } from 'node:module';

/** A stack trace by files and lines of the sources, wherever a bundle has a source map. */
export function mapStack(stack: string | undefined): string | undefined {
  const maps = new Map<string, SourceMap | undefined>();
  return stack?.replace(
    /(file:\/\/[^\s()]+\.c?js):(\d+):(\d+)/g,
    (built, file: string, line: string, column: string) => {
      // Many frames are of one bundle, whose map is large.
      if (!maps.has(file)) maps.set(file, mapOf(file));
      const place = maps.get(file)?.findEntry(Number(line) - 1, Number(column) - 1);
      if (place === undefined || !('originalSource' in place)) return built;
      return `${new URL(place.originalSource, file).pathname}:${place.originalLine + 1}:${place.originalColumn + 1}`;
    },
  );
}

function mapOf(file: string): SourceMap | undefined {
  try {
    return new SourceMap(JSON.parse(readFileSync(new URL(`${file}.map`), 'utf8')) as SourceMapPayload);
  } catch {
    // The failure whose stack this is matters more: without a source map its position is that of the bundle.
    return undefined;
  }
}
