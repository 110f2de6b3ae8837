import { feedOption, jsonOption, withConfiguration } from './options.js';
import { verb } from './verb.js';

export const investigateCommand = verb(
  'investigate',
  'What is known of a person: state, MFA, groups, administrator link, the last day’s logins, findings; reads only',
  (command) =>
    withConfiguration(command).options({
      ...feedOption,
      ...jsonOption,
      user: { type: 'string', describe: 'Id, username or e-mail address' },
      finding: { type: 'string', describe: 'The person that this finding is about' },
    }),
  async (argv) => (await import('./investigate.js')).investigate(argv),
);
