import { printable } from '../../log/printable.js';
import { jsonText, type PlainValue } from '../../sinks/tables/duckdb-value.js';

/** Text as HTML: what a record holds is inert, and what steers or hides text is visible as its escape. */
export function escapeHtml(text: string): string {
  return printable(text).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** A value of an answer as text; empty where there is none. */
export function valueText(value: PlainValue | undefined): string {
  if (value === null || value === undefined) return '';
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value.join(', ');
  return typeof value === 'object' ? jsonText(value) : String(value);
}

/** Thousands apart by a thin space. */
export function numberText(value: number | bigint): string {
  return String(value).replace(/\B(?=(?:\d{3})+(?!\d))/g, '\u2009');
}
