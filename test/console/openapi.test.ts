import { expect, it } from 'vitest';
import { openApi } from '../../collector/console/openapi.js';
import { API, ROUTES, type Route } from '../../collector/console/routes.js';

/** Every `$ref` in a document. */
function references(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, member]) =>
    name === '$ref' && typeof member === 'string' ? [member] : references(member),
  );
}

it('C3: the document names the operations of the table of routes, each with its role, and nothing else', () => {
  const { paths } = openApi() as { paths: Record<string, Record<string, { operationId: string; 'x-role': string }>> };
  const documented = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(
      ([method, one]) => `${method.toUpperCase()} ${path} ${one.operationId} ${one['x-role']}`,
    ),
  );
  const mounted = Object.entries<Route>(ROUTES).map(
    ([id, { method, path, role }]) => `${method} ${API}${path} ${id} ${role}`,
  );
  expect(documented.sort()).toEqual(mounted.sort());
});

it('every reference of the document leads to something in it', () => {
  const document = openApi();
  for (const reference of new Set(references(document))) {
    const found = reference
      .slice(2)
      .split('/')
      .reduce((at: unknown, name) => (at as Record<string, unknown> | undefined)?.[name], document);
    expect([reference, found === undefined]).toEqual([reference, false]);
  }
});
