import { access } from 'node:fs/promises';
import { isMissing } from '../files/durable-file.js';

/** Whether the kill switch is on: while its file is there, nothing is executed. */
export async function isStopped(file: string): Promise<boolean> {
  try {
    await access(file);
    return true;
  } catch (error) {
    // Only a file that is known not to be there lets an action pass.
    return !isMissing(error);
  }
}
