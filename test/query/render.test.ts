import { describe, expect, it } from 'vitest';
import type { QueryAnswer } from '../../collector/query/open-tables.js';
import { type AnswerFormat, answerFormats, render } from '../../collector/query/render.js';
import type { PlainValue } from '../../collector/sinks/tables/duckdb-value.js';

/** The answer to a query of one row in a format. */
async function shown(
  format: AnswerFormat,
  columns: Readonly<Record<string, readonly [string, PlainValue]>>,
  terminal = false,
  width = 200,
): Promise<string> {
  const answer: QueryAnswer = {
    columns: Object.entries(columns).map(([name, [type]]) => ({ name, type })),
    rows: (async function* () {
      yield Object.values(columns).map(([, value]) => value);
    })(),
  };
  let text = '';
  for await (const piece of render(answer, format, { width, terminal })) text += piece;
  return text;
}

const hostile = '\u001b]0;x\u0007\u009b31m\u202e\u200b';

describe('what a record holds', () => {
  it.each(answerFormats)('steers no terminal, and turns or hides no text: %s', async (format) => {
    const text = await shown(format, { [hostile]: ['VARCHAR', hostile], deep: ['JSON', [hostile]] }, true);
    expect(text.replace(/[\r\n]/g, '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    expect(text).toContain('\\u202e');
  });

  it('is the same value in JSON, and as it is in CSV for machines', async () => {
    const row = { a: ['VARCHAR', hostile] } as const;
    expect(JSON.parse(await shown('json', row))).toEqual({ a: hostile });
    expect(await shown('csv', row)).toBe(`a\r\n${hostile}\r\n`);
  });
});

describe('csv-safe', () => {
  it.each([
    ["=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"],
    ['@SUM(1)', "'@SUM(1)"],
    ['+1+1', "'+1+1"],
    ['-1+1', "'-1+1"],
    ['\t=1', "'\t=1"],
    ['\u200b=1', "'\u200b=1"],
    ['\uff1d1', "'\uff1d1"],
    ['=HYPERLINK("http://evil.example","x")', `"'=HYPERLINK(""http://evil.example"",""x"")"`],
    ['\r=1', `"'\r=1"`],
    ['alice=1', 'alice=1'],
    ['2026-11-28', '2026-11-28'],
    ["O'Brien", "O'Brien"],
  ])('%j of a record is no formula', async (text, expected) => {
    const row = { a: ['VARCHAR', text] } as const;
    expect(await shown('csv-safe', row)).toBe(`a\r\n${expected}\r\n`);
  });

  it('leaves numbers as they are, and csv leaves everything as it is', async () => {
    const row = {
      '=name': ['VARCHAR', '=1'],
      count: ['BIGINT', -5n],
      share: ['DOUBLE', -0.5],
      price: ['DECIMAL(10,2)', '-1.50'],
    } as const;
    expect(await shown('csv-safe', row)).toBe("'=name,count,share,price\r\n'=1,-5,-0.5,-1.50\r\n");
    expect(await shown('csv', row)).toBe('=name,count,share,price\r\n=1,-5,-0.5,-1.50\r\n');
  });
});

describe('a table', () => {
  const wide = Object.fromEntries(
    Array.from({ length: 30 }, (_, index) => [`column_${index}`, ['VARCHAR', 'x'.repeat(25)] as const]),
  );
  const longest = (text: string) => Math.max(...text.split('\n').map((line) => line.length));

  it('fits the terminal: of many columns it shows the first, and says how many more there are', async () => {
    const text = await shown('table', wide, false, 80);
    expect(longest(text)).toBeLessThanOrEqual(80);
    expect(text).toMatch(/column_0 .*column_2/);
    expect(text).toContain('… and 27 more columns: --format wide shows all');
  });

  it('narrows a few long columns instead of hiding one', async () => {
    const text = await shown('table', { a: ['VARCHAR', 'x'.repeat(60)], b: ['VARCHAR', 'y'.repeat(60)] }, false, 60);
    expect(longest(text)).toBeLessThanOrEqual(60);
    expect(text).toMatch(/x…\s+y+…/);
    expect(text).not.toContain('more column');
  });

  it('is whole as wide', async () => {
    const text = await shown('wide', { ...wide, long: ['VARCHAR', 'z'.repeat(500)] }, false, 80);
    expect(text).toContain('z'.repeat(500));
    expect(text).toContain('column_29');
  });
});

describe('markdown', () => {
  it('is a table in which a value is no markup', async () => {
    const text = await shown('markdown', {
      name: ['VARCHAR', '<img src=x onerror=alert(1)> | [a](b) `c` *d*\n# e'],
      n: ['BIGINT', 3n],
    });
    expect(text).toBe(
      '| name | n |\n| --- | --: |\n| &lt;img src=x onerror=alert(1)&gt; \\| \\[a\\](b) \\`c\\` \\*d\\* \\# e | 3 |\n',
    );
  });
});
