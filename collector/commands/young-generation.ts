import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';

/** Bytes of objects that V8 makes before it collects the young ones; about what the caches of a processor hold. */
const YOUNG_BYTES = 4_000_000;

/**
 * Lets V8's young generation grow to about 4 MiB and no further: for a program that makes much garbage and keeps little. To be called
 * now and then, since V8 lets it grow by its own measure.
 * @returns false once it is that large: no further call is needed
 */
export function growYoungGeneration(): boolean {
  const young = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space');
  const isLarge = young === undefined || young.space_used_size + young.space_available_size >= YOUNG_BYTES;
  setFlagsFromString(`--semi-space-growth-factor=${isLarge ? 1 : 2}`);
  return !isLarge;
}
