import { expect, it } from 'vitest';
import { type Asked, callerOf } from '../../collector/console/handler.js';
import { type QueryParts, queryHandlers } from '../../collector/console/handlers/queries.js';
import { createStatements, type StatementParts } from '../../collector/console/statements.js';

it('a client that left before its statement begins leaves none that counts as running', () => {
  const query = { enabled: true, rows: 1, memory: 1, timeoutMs: 1 };
  const parts = { settings: { query }, limits: {}, supervisor: {}, now: () => 0 };
  const { begin, running } = createStatements(parts as unknown as StatementParts);
  expect(() => begin('ana', AbortSignal.abort())).toThrow(expect.objectContaining({ problem: expect.anything() }));
  expect([...running]).toEqual([]);
  expect(begin('ana', new AbortController().signal).caller).toBe('ana');
});

it('a token that is named like a user, or like another token, neither sees nor ends the statements of these', async () => {
  const query = { enabled: true, rows: 1, memory: 1, timeoutMs: 1 };
  const parts = { settings: { query }, limits: {}, supervisor: {}, now: () => 0 } as unknown as StatementParts;
  const statements = createStatements(parts);
  const { listQueries, cancelQueries } = queryHandlers({ ...parts, statements } as unknown as QueryParts);
  const person = { principal: { name: 'ana' } } as Asked<undefined>;
  const [token, other] = ['1', '2'].map((id) => ({ principal: { name: 'ana', token: { id } } }) as Asked<undefined>);
  const { stop } = statements.begin(callerOf(person), new AbortController().signal);
  const { stop: stopOther } = statements.begin(callerOf(other!), new AbortController().signal);
  expect((await listQueries(token!)).json!.running).toEqual([]);
  await cancelQueries(token!);
  expect([stop.signal.aborted, stopOther.signal.aborted]).toEqual([false, false]);
  expect((await listQueries(person)).json!.running).toMatchObject([{ user: 'ana' }]);
  await cancelQueries(person);
  expect([stop.signal.aborted, stopOther.signal.aborted]).toEqual([true, false]);
});
