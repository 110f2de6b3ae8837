import { readFileSync } from 'node:fs';
import { SourceMap, type SourceMapPayload } from 'node:module';

/**
 * The stack of an error with the files and lines of the sources in place of those that they were built into, as far as
 * source maps lie beside these.
 */
export function inSources(stack: string | undefined): string | undefined {
  return stack?.replace(/(file:\/\/[^\s()]+\.js):(\d+):(\d+)/g, (built, file: string, line: string, column: string) => {
    const place = mapOf(file)?.findEntry(Number(line) - 1, Number(column) - 1);
    if (place === undefined || !('originalSource' in place)) return built;
    return `${new URL(place.originalSource, file).pathname}:${place.originalLine + 1}:${place.originalColumn + 1}`;
  });
}

function mapOf(file: string): SourceMap | undefined {
  try {
    return new SourceMap(JSON.parse(readFileSync(new URL(`${file}.map`), 'utf8')) as SourceMapPayload);
  } catch {
    // Without a map the built file is the best that is known, and this is told of another failure.
    return undefined;
  }
}
