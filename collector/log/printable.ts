/**
 * What must not reach a reader as it is: control characters (C0, C1), which steer a terminal; format characters (bidi
 * controls, zero-width, tags), which turn text around or hide it; line and paragraph separators. Records are written by
 * strangers.
 */
const unsafe = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** Text in one line for people: what is unsafe is written as `\u001b`. */
export function printable(text: string): string {
  return text.replace(unsafe, escaped);
}

/** The same for text of several lines: line feeds stay. */
export function printableLines(text: string): string {
  return text.replace(unsafe, (character) => (character === '\n' ? character : escaped(character)));
}

/** JSON text of the same value, in which only escapes stand for what is unsafe. Line feeds between the tokens stay. */
export function printableJson(json: string): string {
  return json.replace(unsafe, (character) => (character === '\n' ? character : character.split('').map(unit).join('')));
}

function escaped(character: string): string {
  return character.length === 1 ? unit(character) : `\\u{${character.codePointAt(0)!.toString(16)}}`;
}

function unit(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
