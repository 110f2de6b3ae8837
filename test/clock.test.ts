import { expect, it } from 'vitest';
import { breathe } from '../collector/clock.js';

it('a long loop gives way whenever it has held the process for a slice, however many steps it has, and not more often', async () => {
  let time = 0;
  const pause = breathe(() => time);
  const turns: number[] = [];
  let over = false;
  const other = () => {
    turns.push(time);
    if (!over) setImmediate(other);
  };
  setImmediate(other);
  for (let step = 0; step < 1_000; step++) {
    await pause();
    time += 0.1;
  }
  expect(turns.length).toBeGreaterThan(0);
  // 100 ms in slices of 4: others had their turn 24 times, and none waited for longer than a slice and a step.
  expect(new Set(turns.map((at) => Math.round(at))).size).toBe(24);
  expect(Math.max(...turns.map((at, n) => at - (turns[n - 1] ?? 0)))).toBeLessThan(4.2);
  over = true;
});
