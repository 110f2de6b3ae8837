import { systemClock } from '../clock.js';
import { MemoryBudget } from './memory-budget.js';

/** The budget that every feed and lane of this process shares; `memory.budget` resizes it. */
export const processMemory = new MemoryBudget(64_000_000, systemClock);
