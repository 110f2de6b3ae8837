import type { Writable } from 'node:stream';

/** Where progress is shown: one line that is written over on a terminal, nothing elsewhere. */
export interface ProgressLine {
  show(text: string): void;
  /** Takes the line away, so that what follows starts on a clean one. */
  clear(): void;
}

/** At most ten times a second, so that showing never slows the work. */
const EVERY_MS = 100;

/** @param stream stderr; a terminal gets the line, anything else stays as it is */
export function progressLine(stream: Writable & { isTTY?: boolean; columns?: number }): ProgressLine {
  if (!stream.isTTY) return { show: () => undefined, clear: () => undefined };
  let last = 0;
  return {
    show(text) {
      const now = performance.now();
      if (now - last < EVERY_MS) return;
      last = now;
      // Some terminals report a width of 0.
      stream.write(`\r\u001b[2K${text.slice(0, (stream.columns || 80) - 1)}`);
    },
    clear: () => stream.write('\r\u001b[2K'),
  };
}

/** `[#########···········]  45 %`; an unknown share is a row of dots. */
export function bar(share: number | undefined, width = 20): string {
  if (share === undefined || !Number.isFinite(share)) return `[${'·'.repeat(width)}]`;
  const filled = Math.round(Math.min(1, Math.max(0, share)) * width);
  return `[${'#'.repeat(filled)}${'·'.repeat(width - filled)}] ${String(Math.floor(share * 100)).padStart(3)} %`;
}
