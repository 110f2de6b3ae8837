import type { JsonValue } from '../../mappings/json.js';
import type { LiveSession } from './accounts/sessions.js';
import type { ApiToken, Bodies, Role } from './answers.js';
import type { Answers, OperationId, ROUTES } from './routes.js';

/** Who asks, as the gate has found out. */
export interface Principal {
  readonly name: string;
  readonly role: Role;
  readonly kind: 'session' | 'token';
  readonly session: LiveSession | undefined;
  /** Undefined: a person. */
  readonly token: ApiToken | undefined;
}

/** What the audit says of a request besides who, what and from where. */
export interface AuditNote {
  actor?: string;
  target?: { readonly type: string; readonly name: string };
  changes?: readonly { readonly path: string; readonly from: JsonValue; readonly to: JsonValue }[];
  readonly details: Record<string, JsonValue>;
  /** True: the same refusal was written down already. */
  isRepeated?: boolean;
}

/** A request that the gate let pass, its body valid. */
export interface Asked<Body = unknown> {
  /** Undefined: a login. */
  readonly principal: Principal | undefined;
  readonly parameters: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly body: Body;
  readonly ifMatch: string | undefined;
  readonly ifNoneMatch: string | undefined;
  /** Of the connection; what a proxy says is not believed. */
  readonly address: string;
  /** Aborts when the client leaves. */
  readonly signal: AbortSignal;
  readonly audit: AuditNote;
}

/** What a handler answers. */
export interface Answer<Value = unknown> {
  /** Default: the first status of success of the route. */
  readonly status?: number;
  readonly json?: Value;
  /** NDJSON, a line each, sent as they come. */
  readonly lines?: AsyncIterable<Value>;
  readonly text?: AsyncIterable<string> | string;
  /** Of `text`. */
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** It holds a secret that is shown once: nothing in it is masked. */
  readonly showsSecret?: true;
}

type BodyOf<Operation extends OperationId> = (typeof ROUTES)[Operation] extends {
  body: infer Name extends keyof Bodies;
}
  ? Bodies[Name]
  : undefined;

/** One handler per operation. */
export type Handlers = {
  readonly [Operation in OperationId]: (asked: Asked<BodyOf<Operation>>) => Promise<Answer<Answers[Operation]>>;
};

/** The name of who asks. */
export function nameOf({ principal }: Pick<Asked, 'principal'>): string {
  return principal?.name ?? '';
}

/** Who asks, as nobody else is known: a token may be named like a user or another token, and no user has a space in the name. */
export function callerOf({ principal }: Pick<Asked, 'principal'>): string {
  return principal?.token === undefined ? (principal?.name ?? '') : `token ${principal.token.id}`;
}

/** The persons who may be behind a request: who is logged in, or every person who could have read the token. */
export function personsOf(asked: Pick<Asked, 'principal'>): readonly string[] {
  return asked.principal?.token?.heldBy ?? [nameOf(asked)];
}
