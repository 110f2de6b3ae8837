import bodies from '../../schemas/console.json' with { type: 'json' };
import { annotatedSchema } from '../config/keys.js';
import { version } from '../version.js';
import { API, ROUTES, type Route } from './routes.js';

type Json = { readonly [name: string]: unknown };

const PROBLEM = {
  type: 'object',
  required: ['type', 'title', 'status', 'code', 'detail', 'cure'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    code: { type: 'string' },
    detail: { type: 'string' },
    cure: { type: 'string' },
    problems: {
      type: 'array',
      items: {
        type: 'object',
        required: ['pointer', 'message'],
        properties: { pointer: { type: 'string' }, message: { type: 'string' } },
      },
    },
    present: { type: 'object' },
    confirm: { enum: ['new-position', 'other-organization'] },
    retryAfter: { type: 'integer' },
  },
};

const TOKENS = {
  verbs: ' A token needs the verb of the action as well.',
  never: ' Of persons alone: no token is taken.',
};

const TYPES = {
  json: 'application/json',
  ndjson: 'application/x-ndjson',
  yaml: 'application/yaml',
  graphml: 'application/graphml+xml',
  none: undefined,
};

/** The API as OpenAPI 3.1, made of the table of routes and the schemas that requests are held to. */
export function openApi(): Json {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const [operationId, route] of Object.entries<Route>(ROUTES)) {
    const path = `${API}${route.path}`;
    paths[path] ??= {};
    paths[path][route.method.toLowerCase()] = operation(operationId, route);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'jumpcloud-ocsf console',
      version,
      description: 'Feeds of the collector: configuration, state, and what can be done with them.',
    },
    paths,
    components: {
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer', description: 'An API token, jo_…' },
        session: {
          type: 'apiKey',
          in: 'cookie',
          name: '__Host-jo',
          description: 'Of a page of the console, together with the header x-console-proof.',
        },
      },
      schemas: {
        ...Object.fromEntries(Object.entries(bodies.$defs).map(([name, schema]) => [name, moved(schema)])),
        problem: PROBLEM,
        configuration: moved(annotatedSchema() as unknown as Json),
      },
    },
    security: [{ token: [] }, { session: [] }],
  };
}

function operation(operationId: string, route: Route): Json {
  const { role, summary, body, query = [], success, answer = 'json', tokens } = route;
  const type = TYPES[answer];
  const parameters = [...route.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string', minLength: 1 },
  }));
  return {
    operationId,
    summary,
    description:
      (role === 'none' ? 'Without a credential.' : `Role: ${role === 'anyone' ? 'any' : role} or above.`) +
      (tokens === undefined ? '' : TOKENS[tokens]),
    'x-role': role,
    ...(tokens === undefined ? {} : { 'x-tokens': tokens }),
    ...(role === 'none' ? { security: [] } : {}),
    parameters: [...parameters, ...query.map((name) => ({ name, in: 'query', schema: { type: 'string' } }))],
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            required: true,
            content: { 'application/json': { schema: { $ref: `#/components/schemas/${body}` } } },
          },
        }),
    responses: {
      ...Object.fromEntries(
        success.map((status) => [
          String(status),
          {
            description: 'Done',
            ...(type === undefined || status === 204 || status === 304
              ? {}
              : { content: { [type]: { schema: answer === 'json' ? { type: 'object' } : { type: 'string' } } } }),
          },
        ]),
      ),
      default: {
        description: 'Refused, with a code and a cure',
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/problem' } } },
      },
    },
  };
}

/** The schema with its references where the components stand. */
function moved(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(moved);
  if (typeof schema !== 'object' || schema === null) return schema;
  return Object.fromEntries(
    Object.entries(schema).flatMap(([name, value]) => {
      if (name === '$schema' || name === '$id') return [];
      if (name === '$ref' && typeof value === 'string') {
        const target = value.replace('#/', '');
        const body = target.replace('$defs/', '');
        return [[name, `#/components/schemas/${body in bodies.$defs ? body : `configuration/${target}`}`]];
      }
      return [[name, moved(value)]];
    }),
  );
}
