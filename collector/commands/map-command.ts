import { verb } from './verb.js';

export const mapCommand = verb(
  'map',
  'Map records (NDJSON) on stdin to OCSF events on stdout, in order; no network, no state; exit 65 on dead letters',
  (command) =>
    command
      .options({
        'dead-letters': { type: 'string', describe: 'Write the dead letters to this file (NDJSON)' },
        'raw-data': { type: 'boolean', default: true, describe: 'Include the record in raw_data' },
      })
      .example('$0 map < records.ndjson > events.ndjson', 'try the mapping on exported records'),
  async (argv) => (await import('./map.js')).map(argv),
);
