import { expect, it } from 'vitest';
import { killWhileSending } from './kill.js';

it('W5: a collector that is killed around spool, answer and commit delivers each notice once', async () => {
  const outcome = await killWhileSending({ kills: 3, seed: 11 });
  expect(outcome).toMatchObject({ givenUp: [], lost: 0, beyond: 0, twice: 0 });
});
