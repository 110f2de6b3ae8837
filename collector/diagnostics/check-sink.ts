import type { FeedConfig } from '../config/feed-config.js';
import { CollectorError } from '../errors.js';
import type { Log } from '../log/logger.js';
import { kafkaOptions } from '../runtime/open-sink.js';
import { checkDirectory } from './check-directory.js';
import { type Finding, findingOf } from './finding.js';

/** Whether a feed's records can go where the configuration sends them. */
export async function checkDestination(config: FeedConfig, log: Log): Promise<Finding[]> {
  const { name } = config;
  switch (config.sink) {
    case 'tables':
      return [...(await checkDirectory(config.tables.directory, name, 'tables')), await checkEngine(name)];
    case 'stdout':
      return checkDirectory(config.state.directory, name, 'state');
    case 'kafka':
      return checkKafka(config, log);
  }
}

async function checkKafka(config: FeedConfig, log: Log): Promise<Finding[]> {
  const feed = config.name;
  try {
    const { probe } = await import('../sinks/kafka/probe.js');
    const found = await probe(kafkaOptions(config), {
      log: (level, message, fields) => log[level](message, fields),
    });
    return found.map(({ subject, ok, message, cure, code }) => ({
      feed,
      part: `kafka ${subject}`,
      verdict: ok ? 'ok' : 'failed',
      message,
      ...(cure === undefined ? {} : { cure }),
      ...(ok ? {} : { code: code ?? 'SINK_UNAVAILABLE' }),
    }));
  } catch (error) {
    return [findingOf(error, feed, 'kafka')];
  }
}

/** DuckDB comes as a library of the platform: an image of another kind lacks it. */
async function checkEngine(feed: string): Promise<Finding> {
  try {
    const { version } = await import('@duckdb/node-api');
    return { feed, part: 'duckdb', verdict: 'ok', message: `${version()} is there` };
  } catch (error) {
    const failure = new CollectorError(
      'STORAGE_FAILED',
      `DuckDB, which writes the tables, cannot be loaded: ${first(error)}`,
      {
        cure: `Install the dependencies for this platform (${process.platform} ${process.arch}) with npm ci.`,
        cause: error,
      },
    );
    return findingOf(failure, feed, 'duckdb');
  }
}

function first(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';
}
