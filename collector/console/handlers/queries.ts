import type { RootLog } from '../../log/logger.js';
import type { Supervisor } from '../../runtime/supervisor.js';
import type { Handlers } from '../handler.js';
import { refused } from '../problem.js';
import type { ConsoleSettings } from '../settings.js';

export interface QueryParts {
  readonly supervisor: Supervisor;
  readonly settings: ConsoleSettings;
  readonly log: RootLog;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

type QueryOperation = 'questions' | 'views' | 'query' | 'listQueries' | 'cancelQueries' | 'feedSamples';

export function queryHandlers(_parts: QueryParts): Pick<Handlers, QueryOperation> {
  const off = async (): Promise<never> => {
    throw refused(409, 'QUERY_OFF', 'Queries are off.', 'Set console.query.enabled.');
  };
  return {
    questions: async () => ({ json: { questions: [] } }),
    views: off,
    query: off,
    listQueries: async () => ({ json: { running: [] } }),
    cancelQueries: async () => ({ status: 204 }),
    feedSamples: off,
  };
}
