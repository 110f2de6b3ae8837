/** The anchors that a Markdown page has for its headings. */
export function anchors(markdown: string): Set<string> {
  const headings = markdown.matchAll(/^#{1,6} +(.+)$/gm);
  return new Set(
    [...headings].map(([, text = '']) =>
      text
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}
