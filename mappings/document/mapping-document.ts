import { ocsfTarget } from '../../schemas/ocsf-target.js';
import { describeColumns } from './columns.js';
import { describeEventTypes } from './event-types.js';
import { describeFacts } from './facts.js';
import { describeFields } from './fields.js';
import type { DocumentedTable, Sample } from './sample.js';
import { traceSample } from './trace.js';

/** The text of mappings/README.md: what the catalogue and the mappers make of these samples. */
export function documentMapping(samples: readonly Sample[], tables: readonly DocumentedTable[]): string {
  const traced = samples.map(traceSample);
  return `# JumpCloud Directory Insights to OCSF ${ocsfTarget.version}

Written by \`npm run document\` from the catalogue and by mapping the ${samples.length} records under \`fixtures/\`, each again with every field changed. Do not edit; a test fails when it is stale.

- One record becomes one event, in the class and activity of its row. A type without a row becomes Base Event 0, activity 99, under its own name; so does a record that lacks what its class requires. \`metadata.event_code\` is JumpCloud's event type in each case.
- \`metadata.uid\` follows from the record's identity alone. \`metadata.original_event_uid\` is the record's id, \`metadata.original_time\` its timestamp as it was written, \`raw_data\` its whole text.
- No field is dropped: what becomes no attribute stands under \`unmapped\`, at its own path. Null, empty texts and empty objects say nothing and are left out there; \`raw_data\` has them.
- Status: \`success\` (\`sso_token_success\` where there is one) true is Success, false is Failure. With neither, an error text or a policy that denied is Failure, else the rule of the row decides, else it is Unknown. A login whose token failed without an error, while another factor is open, is 99 (activity Preauth). \`status_detail\` is the error text, else the policy that denied.

## Event types

${describeEventTypes(traced)}

## Who, whom, what and why

Where an event of each documented type says it, as far as the fixtures do; \`message\` says it in a sentence. Nothing: the type has no such fact. What an update changed stands in \`unmapped.changes\` too, old and new value.

${describeFacts(traced)}

## Fields

A number in parentheses is the class to which it applies; none: all of them.

${describeFields(traced)}

## Columns of the tables

${describeColumns(traced, tables)}
`;
}
