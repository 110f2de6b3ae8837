import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MemoryBudget, type Reservation } from '../../collector/pipeline/memory-budget.js';
import { standingClock } from './standing-clock.js';

const LIMIT = 100;
const STALLED = 30_000;
const never = new AbortController().signal;
const settle = () => new Promise((resolve) => setImmediate(resolve));

type Kind = 'live' | 'bulk';

type Step =
  | { readonly do: 'reserve'; readonly kind: Kind; readonly bytes: number }
  | { readonly do: 'shrink' | 'release' | 'releaseAgain' | 'abort'; readonly which: number }
  | { readonly do: 'wait'; readonly ms: number };

const steps = fc.array(
  fc.oneof<fc.Arbitrary<Step>[]>(
    fc.record({
      do: fc.constant('reserve' as const),
      kind: fc.constantFrom<Kind>('live', 'bulk'),
      bytes: fc.oneof(fc.nat(60), fc.nat(300)),
    }),
    fc.record({ do: fc.constantFrom('shrink', 'release', 'releaseAgain', 'abort'), which: fc.nat(20) }),
    // Less than makes a holder stall, over the whole run.
    fc.record({ do: fc.constant('wait' as const), ms: fc.nat(400) }),
  ),
  { maxLength: 60 },
);

interface Asked {
  readonly kind: Kind;
  readonly number: number;
  readonly abort: AbortController;
  state: 'waiting' | 'held' | 'released' | 'aborted';
  reservation?: Reservation;
}

describe('the memory budget of a process', () => {
  it('is never exceeded, serves each kind in its order, and everybody in the end, whoever releases or gives up', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (run) => {
        const clock = standingClock();
        const budget = new MemoryBudget(LIMIT, clock);
        const all: Asked[] = [];
        const served: Record<Kind, number[]> = { live: [], bulk: [] };
        const pick = (state: Asked['state'], which: number) => {
          const found = all.filter((one) => one.state === state);
          return found[which % found.length];
        };
        const holds = () => {
          const held = all.filter(({ state }) => state === 'held');
          expect(budget.bytes).toBe(held.reduce((sum, { reservation }) => sum + reservation!.bytes, 0));
          expect(budget.bytes).toBeLessThanOrEqual(LIMIT);
          const bulk = held.filter(({ kind }) => kind === 'bulk');
          expect(bulk.reduce((sum, { reservation }) => sum + reservation!.bytes, 0)).toBeLessThanOrEqual(0.75 * LIMIT);
          expect(budget.waiting).toBe(all.filter(({ state }) => state === 'waiting').length);
          for (const numbers of Object.values(served)) expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
        };
        for (const step of run) {
          if (step.do === 'reserve') {
            const asked: Asked = {
              kind: step.kind,
              number: all.length,
              abort: new AbortController(),
              state: 'waiting',
            };
            all.push(asked);
            budget.reserve(step.bytes, step.kind, asked.abort.signal).then(
              (reservation) => {
                Object.assign(asked, { state: 'held', reservation });
                served[asked.kind].push(asked.number);
              },
              () => {
                asked.state = 'aborted';
              },
            );
          } else if (step.do === 'wait') await clock.pass(step.ms);
          else if (step.do === 'abort') pick('waiting', step.which)?.abort.abort();
          else if (step.do === 'releaseAgain') pick('released', step.which)?.reservation?.release();
          else {
            const held = pick('held', step.which);
            if (step.do === 'shrink') held?.reservation?.set(Math.floor(held.reservation.bytes / 2));
            else if (held !== undefined) {
              held.state = 'released';
              held.reservation?.release();
            }
          }
          await settle();
          holds();
        }
        while (all.some(({ state }) => state === 'held')) {
          const held = pick('held', 0)!;
          held.state = 'released';
          held.reservation?.release();
          held.reservation?.set(7);
          await settle();
          holds();
        }
        expect(all.filter(({ state }) => state === 'waiting')).toEqual([]);
        expect(budget.bytes).toBe(0);
      }),
    );
  });

  it('counts what came larger than was asked for, and lets nobody else in before that is released', async () => {
    const budget = new MemoryBudget(LIMIT, standingClock());
    const large = await budget.reserve(10, 'live', never);
    large.set(250);
    expect(budget.bytes).toBe(250);
    const [first, second] = [budget.reserve(1, 'live', never), budget.reserve(1, 'live', never)];
    await settle();
    expect(budget.waiting).toBe(2);
    large.release();
    await Promise.all([first, second]);
    expect(budget.bytes).toBe(2);
  });

  it('gives a request for more than the budget all there is, alone', async () => {
    const budget = new MemoryBudget(LIMIT, standingClock());
    const small = await budget.reserve(1, 'live', never);
    const large = budget.reserve(1_000, 'live', never);
    const next = budget.reserve(1, 'live', never);
    await settle();
    expect(budget.bytes).toBe(1);
    small.release();
    expect((await large).bytes).toBe(LIMIT);
    expect(budget.waiting).toBe(1);
    (await large).release();
    await next;
  });

  it('leaves live polls a quarter, and serves them before whoever catches up', async () => {
    const budget = new MemoryBudget(LIMIT, standingClock());
    const bulk = await budget.reserve(1_000, 'bulk', never);
    expect(bulk.bytes).toBe(75);
    const order: string[] = [];
    const waiting = [
      budget.reserve(75, 'bulk', never).then(() => order.push('bulk')),
      budget.reserve(20, 'live', never).then(() => order.push('first live')),
      budget.reserve(20, 'live', never).then(() => order.push('second live')),
    ];
    await settle();
    expect(order).toEqual(['first live']);
    bulk.release();
    await settle();
    expect(order).toEqual(['first live', 'second live']);
    expect(waiting).toHaveLength(3);
  });

  it('lets live polls pass whoever catches up for half a minute, no longer', async () => {
    const clock = standingClock();
    const budget = new MemoryBudget(LIMIT, clock);
    let last = await budget.reserve(60, 'live', never);
    const order: string[] = [];
    void budget.reserve(50, 'bulk', never).then(() => order.push('bulk'));
    for (let poll = 1; poll <= 4; poll += 1) {
      const next = budget.reserve(60, 'live', never);
      void next.then(() => order.push(`live ${poll}`));
      await clock.pass(STALLED / 3);
      last.release();
      await settle();
      if (order.at(-1) === 'bulk') break;
      last = await next;
    }
    expect(order).toEqual(['live 1', 'live 2', 'bulk']);
  });

  it('waits for nobody who has not changed what he holds for half a minute, and still shows it', async () => {
    const clock = standingClock();
    const budget = new MemoryBudget(LIMIT, clock);
    const stalled = await budget.reserve(60, 'live', never);
    const atWork = await budget.reserve(40, 'live', never);
    let granted: Reservation | undefined;
    void budget.reserve(50, 'live', never).then((reservation) => {
      granted = reservation;
    });
    await clock.pass(STALLED - 1);
    atWork.set(40);
    expect(granted).toBeUndefined();
    await clock.pass(1);
    expect(granted?.bytes).toBe(50);
    expect(budget.bytes).toBe(150);
    stalled.release();
    atWork.release();
    expect(budget.bytes).toBe(50);
  });

  it('waits for holders that queue for one sink, however long, as long as requests are granted', async () => {
    const clock = standingClock();
    const budget = new MemoryBudget(LIMIT, clock);
    const queue = await Promise.all([1, 2, 3].map(() => budget.reserve(25, 'bulk', never)));
    for (let request = 0; request < 10; request += 1) {
      const next = budget.reserve(25, 'bulk', never);
      await clock.pass(STALLED / 2);
      expect([budget.bytes, budget.waiting]).toEqual([75, 1]);
      queue.shift()!.release();
      queue.push(await next);
    }
  });

  it('waits for a stalled holder once, and again when it has gone on', async () => {
    const clock = standingClock();
    const budget = new MemoryBudget(LIMIT, clock);
    const stalled = await budget.reserve(75, 'bulk', never);
    const first = budget.reserve(25, 'bulk', never);
    await clock.pass(STALLED);
    (await first).release();
    (await budget.reserve(25, 'bulk', never)).release();
    stalled.set(75);
    void budget.reserve(25, 'bulk', never);
    await settle();
    expect(budget.waiting).toBe(1);
  });

  it('waits for what is read ahead while somebody is at work, and only then: its reader may wait for room as well', async () => {
    const budget = new MemoryBudget(LIMIT, standingClock());
    const atWork = await budget.reserve(30, 'bulk', never);
    const readers = [budget.readAhead(), budget.readAhead()];
    for (const reader of readers) reader.set(40);
    const order: string[] = [];
    const waiting = ['first', 'second'].map(async (name) => {
      const reservation = await budget.reserve(20, 'bulk', never);
      order.push(name);
      return reservation;
    });
    await settle();
    expect(order).toEqual([]);
    atWork.release();
    await settle();
    expect(order).toEqual(['first']);
    for (const reader of readers) reader.release();
    for (const reservation of await Promise.all(waiting)) reservation.release();
    expect(budget.bytes).toBe(0);
  });

  it('serves those behind a request that is given up', async () => {
    const budget = new MemoryBudget(LIMIT, standingClock());
    await budget.reserve(60, 'live', never);
    const impatient = new AbortController();
    const large = budget.reserve(50, 'live', impatient.signal);
    const small = budget.reserve(40, 'live', never);
    await settle();
    expect(budget.waiting).toBe(2);
    impatient.abort();
    await expect(large).rejects.toMatchObject({ code: 'ABORTED' });
    expect((await small).bytes).toBe(40);
  });

  it('serves who waits when it is raised', async () => {
    const budget = new MemoryBudget(LIMIT, standingClock());
    await budget.reserve(60, 'live', never);
    const waiting = budget.reserve(60, 'live', never);
    budget.resize(2 * LIMIT);
    await waiting;
    expect(budget.limit).toBe(2 * LIMIT);
  });
});
