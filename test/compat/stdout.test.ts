import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { redactedText } from '../../fixtures/tenant/control.js';
import { command, folder, jsonLines } from '../cli/command.js';
import {
  copyState,
  stoppedAt,
  storedBackfill,
  storedFeed,
  storedLines,
  storedPositions,
  tenantOfHistory,
} from './stored-states.js';

it('lines that an earlier build wrote are continued from its state directory, and are every record once', async () => {
  const simulated = await tenantOfHistory();
  const cwd = folder();
  copyState('stdout/state', join(cwd, 'state'), simulated);
  let lines = storedLines('stdout/lines.ndjson.gz').join('\n');
  const compared = () => {
    const events = jsonLines(lines).map(({ raw_data: raw }) => raw as string | undefined);
    const letters = readdirSync(join(cwd, 'state', 'acme'))
      .filter((name) => name.endsWith('.dead-letters.ndjson'))
      .flatMap((name) => jsonLines(readFileSync(join(cwd, 'state', 'acme', name), 'utf8')))
      .map(({ raw }) => String(raw));
    const texts = [...events.filter((text) => text !== undefined), ...letters];
    return simulated.ledger.compare(texts, { kept: redactedText, examples: 3 });
  };
  const stored = await compared();
  expect(stored).toMatchObject({ repeated: 0, unknown: 0 });
  expect(stored.delivered, 'the lines are a part').toBeGreaterThan(50);
  expect(stored.missing, 'and not all').toBeGreaterThan(50);
  expect(existsSync(join(cwd, 'state', 'acme', 'live.json'))).toBe(true);

  const env = storedFeed(simulated, { SINK: 'stdout', STATE_DIRECTORY: 'state' });
  expect(await storedPositions({ cwd, env })).toEqual(stoppedAt);
  const run = await command(['run', '--once'], { cwd, env });
  expect(run.code, run.stderr).toBe(0);
  const backfill = await command(storedBackfill, { cwd, env });
  expect(backfill.code, backfill.stderr).toBe(0);
  lines += `\n${run.stdout}${backfill.stdout}`;
  expect(await compared()).toMatchObject({ equal: true });
});
