import type { IncomingHttpHeaders } from 'node:http';
import type { JsonValue } from '../../../mappings/json.js';

/** A 200 of the directory API. */
export interface DirectoryAnswer {
  readonly value: JsonValue;
  readonly headers: IncomingHttpHeaders;
}

/**
 * One GET of the directory API, path and query from its root, repeated as the error table says.
 * @throws CollectorError where JumpCloud did not answer 200; `detail` is the status. QUERY_REFUSED with 404: the object is not there.
 */
export type AskDirectory = (
  path: string,
  /** `withoutOrganization`: the route refuses x-org-id. */
  options?: { readonly withoutOrganization?: boolean },
  signal?: AbortSignal,
) => Promise<DirectoryAnswer>;
