import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { HINT } from '../../mappings/redact.js';
import { countSteps } from './count-steps.js';

const root = new URL('../../', import.meta.url);
/** Where the text of records goes through. */
const rooms = [
  'mappings/',
  'mappings/catalogue/',
  'collector/log/',
  'collector/jumpcloud/insights/',
  'collector/reprocess/',
];

/** A regular expression as it is written in code, after what can stand before one. */
const LITERAL =
  /(?<=[=(,:!?&|[]\s*|return )\/(?![/*\s])((?:[^/\\\n[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+)\/([dgimsuvy]*)(?=[.,;)\]\s])/g;

/** Every regular expression written in a room. */
function patternsOf(room: string): RegExp[] {
  const files = readdirSync(new URL(room, root)).filter((name) => name.endsWith('.ts'));
  return files.flatMap((name) => {
    const code = readFileSync(new URL(room + name, root), 'utf8').replace(/^ *(?:\/\/|\*|\/\*).*$/gm, '');
    return [...code.matchAll(LITERAL)].map(([, source = '', flags]) => new RegExp(source, flags));
  });
}

const patterns = [...new Map([...rooms.flatMap(patternsOf), HINT].map((one) => [String(one), one])).values()];

/** How the patterns begin that read JSON string by string. */
const STRING = '"[^"\\\\]*(?:';

/** What hostile texts repeat: beginnings of each pattern, and what holds one up. */
const pumps = [
  'pin',
  'pass',
  'code',
  'eyJ',
  '-eyJ',
  'eyJaaaaaaaa.',
  '://',
  '://a',
  '://a:',
  'a:',
  'Bearer ',
  'Basic  ',
  'jca_',
  '-----BEGIN PRIVATE KEY',
  '-----END ',
  'curl ',
  'curl -u ',
  'mysql a ',
  'sshpass -p ',
  'net user ',
  'net user a ',
  '-passwd a ',
  'echo a:',
  'ConvertTo-SecureString ',
  '//hooks.slack.com/',
  '//maker.ifttt.com/trigger/',
  'password',
  'password=',
  'password: ',
  '--password ',
  '"password": ',
  "'password':",
  '"',
  '\\"',
  '\\',
  "'",
  ' ',
  '\t',
  '=',
  ':',
  '1',
  '1a',
  'a',
  'aB',
  'Ab',
  'A',
  'AKIA',
  '-',
  '.',
  '/',
  '/a',
  '@',
  'a@',
  ',1',
  '1e',
  '0',
  '[',
  '{',
  '\\u0000#1',
  '"a":1,',
  '"a" ',
  'sig=',
  'xoxb-',
  'tokens',
  'keys',
  'secret',
  'samla',
  'uid=',
  '%20',
  '\u0000',
  '\u200b',
  '::',
  ';',
  '&',
  '*',
  '$',
  '${',
  '{{',
];

/** Characters of a text, and of half of the one that it is compared with. */
const LENGTH = 600;

describe('regular expressions that records go through', () => {
  it('are found', () => {
    expect(patterns.length).toBeGreaterThan(50);
  });

  it.each(patterns.map((pattern) => [String(pattern), pattern] as const))(
    'take steps linear in the text: %s',
    (_, pattern) => {
      // Groups without a bound are matched by recursion; what reads the strings of JSON reads nothing else.
      const length = /\)[*+]/.test(pattern.source) ? 200 : LENGTH;
      const written = (text: string) => (pattern.source.startsWith(STRING) ? JSON.stringify(text) : text);
      const grown = pumps.filter((pump) => {
        const text = pump.repeat(Math.ceil(length / pump.length));
        return countSteps(pattern, written(text + text)) > 2.2 * countSteps(pattern, written(text));
      });
      expect(grown).toEqual([]);
    },
  );

  it('would be found out where they are quadratic', () => {
    const text = 'pin'.repeat(LENGTH / 3);
    const quadratic = /(?:pass|pin)[^"]*"\s*:/;
    expect(countSteps(quadratic, text + text)).toBeGreaterThan(3 * countSteps(quadratic, text));
  });
});
