import { readHeader } from '../../../mappings/record.js';
import { asCollectorError, type CollectorError } from '../../errors.js';
import type { Page, Source } from './source.js';

/** The first page of a search, and no more. @throws CollectorError */
export async function firstPage(
  source: Pick<Source, 'pages'>,
  services: readonly string[],
  window: { readonly start: number; readonly end?: number },
  signal?: AbortSignal,
): Promise<Page | undefined> {
  const pages = source.pages({ services, ...window }, signal);
  try {
    const { value } = await pages.next();
    return value ?? undefined;
  } finally {
    await pages.return();
  }
}

/** JumpCloud's refusal of a search; undefined where it answers. @throws CollectorError any other failure */
export async function refusalOf(
  source: Pick<Source, 'pages'>,
  services: readonly string[],
  window: { readonly start: number; readonly end?: number },
  signal: AbortSignal,
): Promise<CollectorError | undefined> {
  try {
    await firstPage(source, services, window, signal);
    return undefined;
  } catch (error) {
    const failure = asCollectorError(error);
    if (!failure.is('refusesSearch')) throw failure;
    return failure;
  }
}

/** Services that JumpCloud refuses for one reason. */
export interface RefusedServices {
  readonly services: readonly string[];
  /** The refusal of the first of them. */
  readonly error: CollectorError;
}

/** Refusals by service as one for each reason: ten services without a licence are one matter with one cure. */
export function byReason(refusals: ReadonlyMap<string, CollectorError>): RefusedServices[] {
  const reasons = new Map<string, { services: string[]; error: CollectorError }>();
  for (const [service, error] of refusals) {
    const name = `${error.code} ${error.cure}`;
    const reason = reasons.get(name) ?? { services: [], error };
    reason.services.push(service);
    reasons.set(name, reason);
  }
  return [...reasons.values()];
}

/** The organization that a page's records name. */
export function organizationIn(page: Page | undefined): string | undefined {
  for (const record of page?.records ?? []) {
    const { organization } = readHeader(record);
    if (organization !== undefined) return organization;
  }
  return undefined;
}
