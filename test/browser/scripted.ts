/*
 * Answers of the API that a test writes itself, for states that no collector shows on demand: a hundred feeds, hostile
 * records, a second editor. The pages are the built ones, under the headers that the console sends.
 */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { BrowserContextOptions, Route as Intercepted } from 'playwright-core';
import type { Problem, Session } from '../../collector/console/answers.js';
import { type Answers, API, type OperationId, ROUTES } from '../../collector/console/routes.js';
import { type Opened, openPage } from './browser.js';

const ORIGIN = 'http://127.0.0.1:9465';

const web = fileURLToPath(new URL('../../dist/collector/console/web', import.meta.url));

const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/** A request as it came. */
export interface Asked {
  readonly path: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly body: unknown;
  readonly headers: Readonly<Record<string, string>>;
}

interface Answer<T> {
  readonly value?: T;
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly lines?: readonly T[];
  readonly problem?: Partial<Problem>;
}

/** What each operation answers; what is not named answers 404. */
export type Script = { [Id in OperationId]?: (asked: Asked) => Answer<Answers[Id]> | Promise<Answer<Answers[Id]>> };

export const admin: Session = {
  user: 'ana',
  role: 'admin',
  kind: 'session',
  idleUntil: null,
  endsAt: null,
  manage: true,
};

interface Parsed {
  readonly id: OperationId;
  readonly path: Record<string, string>;
}

function operationOf(method: string, path: string): Parsed | undefined {
  for (const [id, route] of Object.entries(ROUTES)) {
    if (route.method !== method) continue;
    const pattern = route.path.replace(/\{(\w+)\}/g, '(?<$1>[^/]+)');
    const found = new RegExp(`^${API}${pattern}$`).exec(path);
    if (found !== null) {
      const values = Object.entries(found.groups ?? {}).map(([name, value]) => [name, decodeURIComponent(value)]);
      return { id: id as OperationId, path: Object.fromEntries(values) };
    }
  }
  return undefined;
}

export interface Scripted extends Opened {
  /** Requests by operation, in order. */
  readonly asked: readonly { readonly id: OperationId; readonly body: unknown }[];
  /** Goes to a page of the console. */
  visit(path: string): Promise<void>;
}

/** A page of the built console whose API answers by script, logged in unless told otherwise. */
export async function scripted(
  script: Script,
  options: BrowserContextOptions & { readonly session?: Session | null } = {},
): Promise<Scripted> {
  const { session = admin, ...context } = options;
  const { page, said } = await openPage(context, /Failed to load resource: /);
  const asked: { id: OperationId; body: unknown }[] = [];
  const whole: Script = { whoAmI: () => ({ value: session ?? admin }), ...script };
  await page.context().route(`${ORIGIN}/**`, async (intercepted) => {
    const url = new URL(intercepted.request().url());
    if (!url.pathname.startsWith(API)) return serveFile(intercepted, url.pathname);
    const operation = operationOf(intercepted.request().method(), url.pathname);
    const answer = operation && whole[operation.id];
    if (!operation || !answer)
      return problem(intercepted, { status: 404, title: 'Not found', detail: `No ${url.pathname}` });
    const text = intercepted.request().postData();
    const body = text === null || text === '' ? undefined : JSON.parse(text);
    asked.push({ id: operation.id, body });
    const given = await answer({
      path: operation.path,
      query: url.searchParams,
      body,
      headers: intercepted.request().headers(),
    });
    if (given.problem) return problem(intercepted, given.problem);
    const lines = given.lines?.map((line) => `${JSON.stringify(line)}\n`).join('');
    await intercepted.fulfill({
      status: given.status ?? (given.value === undefined && lines === undefined ? 204 : 200),
      headers: {
        'content-type': lines === undefined ? 'application/json' : 'application/x-ndjson',
        'content-security-policy': POLICY,
        ...given.headers,
      },
      body:
        lines ??
        (given.value === undefined ? '' : typeof given.value === 'string' ? given.value : JSON.stringify(given.value)),
    });
  });
  if (session !== null)
    await page.addInitScript(() => {
      if (sessionStorage.getItem('console.proof') === null)
        sessionStorage.setItem('console.proof', 'proof-of-this-tab');
    });
  return { page, said, asked, visit: async (path) => void (await page.goto(`${ORIGIN}${path}`)) };
}

async function serveFile(intercepted: Intercepted, path: string): Promise<void> {
  const isFile = path.includes('.') && existsSync(`${web}${path}`);
  const name = isFile ? path : '/index.html';
  const type = { js: 'text/javascript', css: 'text/css', svg: 'image/svg+xml', txt: 'text/plain', html: 'text/html' }[
    name.slice(name.lastIndexOf('.') + 1)
  ];
  await intercepted.fulfill({
    status: 200,
    headers: { 'content-type': `${type}; charset=utf-8`, 'content-security-policy': POLICY },
    body: readFileSync(`${web}${name}`),
  });
}

async function problem(intercepted: Intercepted, given: Partial<Problem>): Promise<void> {
  const whole: Problem = {
    type: 'about:blank',
    title: 'Refused',
    status: 400,
    code: 'REFUSED',
    detail: '',
    cure: '',
    ...given,
  };
  await intercepted.fulfill({
    status: whole.status,
    headers: { 'content-type': 'application/problem+json', 'content-security-policy': POLICY },
    body: JSON.stringify(whole),
  });
}
