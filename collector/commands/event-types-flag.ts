import { CollectorError } from '../errors.js';
import { type EventType, eventTypes, inOrder } from '../position/event-families.js';

/**
 * Reads `--event-types`: names separated by commas, or the flag given several times.
 * @returns undefined where the flag is absent
 * @throws CollectorError USAGE for another name, a name given twice, or none
 */
export function eventTypesOf(flag: unknown): EventType[] | undefined {
  if (flag === undefined) return undefined;
  const names = String(flag)
    .split(',')
    .map((name) => name.trim());
  const given = names.filter((name): name is EventType => eventTypes.some((type) => type === name));
  if (given.length === names.length && new Set(names).size === names.length) return inOrder(given);
  throw new CollectorError('USAGE', `--event-types ${names.join(',')} is not a list out of ${eventTypes.join(', ')}.`, {
    cure: 'Write each name once, separated by commas: --event-types login,admin',
  });
}
