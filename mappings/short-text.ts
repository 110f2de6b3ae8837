/** Bytes that a text of a record may have where it stands for the record: a member of its dead letter, a header. */
const LONGEST_SHORT_TEXT = 1024;

// biome-ignore lint/suspicious/noControlCharactersInRegex: by their property, they take milliseconds of each start
const CONTROL = /[\0-\x1f\x7f-\x9f]/g;

/**
 * A text of at most 1 KiB: control characters are written as `\u001b`, and what is longer is cut between two characters,
 * with a mark that says how many bytes the whole has.
 */
export function shortText(text: string): string {
  const beginning = text.slice(0, LONGEST_SHORT_TEXT + 1).replace(CONTROL, escaped);
  if (beginning.length <= LONGEST_SHORT_TEXT && Buffer.byteLength(beginning) <= LONGEST_SHORT_TEXT) return beginning;
  const mark = `… [cut, ${Buffer.byteLength(text)} bytes]`;
  let room = LONGEST_SHORT_TEXT - Buffer.byteLength(mark);
  let kept = '';
  for (const character of beginning) {
    room -= Buffer.byteLength(character);
    if (room < 0) break;
    kept += character;
  }
  return kept + mark;
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
