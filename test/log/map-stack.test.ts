import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { CollectorError } from '../../collector/errors.js';
import { errorFields } from '../../collector/log/format.js';
import { mapStack } from '../../collector/log/map-stack.js';

it('the stack of a defect in a bundle names file and line of the sources', () => {
  const built = new URL('../../dist/collector/chunks/errors.cjs', import.meta.url);
  const lineOf = (file: URL, text: string) =>
    readFileSync(file, 'utf8')
      .split('\n')
      .findIndex((line) => line.includes(text)) + 1;
  const source = new URL('../../collector/errors.ts', import.meta.url);
  const stack = `Error: no\n    at asCollectorError (${built.href}:${lineOf(built, 'function asCollectorError(')}:10)`;
  const line = lineOf(source, 'function asCollectorError(');
  const mapped = new RegExp(`^Error: no\n    at asCollectorError \\(${source.pathname}:${line}:\\d+\\)$`);
  expect(mapStack(stack)).toMatch(mapped);
  const cause = Object.assign(new Error('no'), { stack });
  expect(errorFields(new CollectorError('INTERNAL', 'no', { cure: 'Report it.', cause })).stack).toMatch(mapped);
});

it('a stack without a source map stays as it is', () => {
  const stack = 'Error: no\n    at main (file:///nowhere/main.js:1:2)\n    at node:internal/process:3:4';
  expect(mapStack(stack)).toBe(stack);
});
