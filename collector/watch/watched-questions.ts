import { tablesDirectoryOf } from '../config/destination.js';
import type { FeedConfig } from '../config/feed-config.js';
import { CollectorError } from '../errors.js';
import type { AskedQuestion } from '../query/ask-question.js';
import { namesNoAccount } from '../query/open-tables.js';
import { parameterValues } from '../query/question.js';
import { questionNamed } from '../query/read-questions.js';

/**
 * The questions that a feed watches (`questions.watch`).
 * @throws CollectorError CONFIG_INVALID for one that does not exist, cannot be watched, or has other parameters, and where
 *   the feed delivers into no tables
 */
export function watchedQuestions(config: FeedConfig): AskedQuestion[] {
  const { name, sink } = config;
  const { watch, lists } = config.questions;
  if (watch.length > 0 && tablesDirectoryOf(config) === undefined)
    throw invalid(
      `Feed ${name} watches questions, but its sink is ${sink}.`,
      'Questions are asked of tables: use the sink tables, or leave out questions.watch.',
    );
  return watch.map((text) => {
    const [asked = '', ...pairs] = text.split(' ');
    try {
      const question = questionNamed(asked);
      const parameters = new Map(
        pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
      );
      parameterValues(question, { parameters, lists }, 0);
      const view = question.tables.find(namesNoAccount);
      if (view === undefined) return { question, parameters, lists };
      throw invalid(`The rows of ${view} name no account.`, 'Choose questions about events or the inventory.');
    } catch (error) {
      if (!(error instanceof CollectorError)) throw error;
      throw invalid(`questions.watch: ${asked} cannot be watched: ${error.message}`, error.cure);
    }
  });
}

function invalid(message: string, cure: string): CollectorError {
  return new CollectorError('CONFIG_INVALID', message, { cure });
}
