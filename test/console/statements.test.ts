import { expect, it } from 'vitest';
import { createStatements, type StatementParts } from '../../collector/console/statements.js';

it('a client that left before its statement begins leaves none that counts as running', () => {
  const query = { enabled: true, rows: 1, memory: 1, timeoutMs: 1 };
  const parts = { settings: { query }, limits: {}, supervisor: {}, now: () => 0 };
  const { begin, running } = createStatements(parts as unknown as StatementParts);
  expect(() => begin('ana', AbortSignal.abort())).toThrow(expect.objectContaining({ problem: expect.anything() }));
  expect([...running]).toEqual([]);
  expect(begin('ana', new AbortController().signal).user).toBe('ana');
});
