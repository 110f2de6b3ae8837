import { askedAs, documentedServices, UNDOCUMENTED } from '../../../mappings/catalogue/index-by-type.js';
import { isObject } from '../../../mappings/json.js';
import type { ReceivedRecord } from '../../../mappings/record.js';
import { sha256 } from '../../../mappings/record.js';
import { asCollectorError } from '../../errors.js';
import type { Page, Search, Source } from './source.js';

/** JumpCloud's word for every service. It may leave some out, so what has a name is always asked for by it. */
const ALL = ['all'];

/**
 * The same source, which also knows the service `UNDOCUMENTED`: what a search for `all` shows of services that the
 * catalogue does not know, after what the named services show.
 */
export function withUndocumented(source: Source): Source {
  const known = knownCounter(source);
  return {
    pages: (search, signal) =>
      search.services.includes(UNDOCUMENTED) ? pagesOfBoth(source, search, signal) : source.pages(search, signal),
    async count(search, signal) {
      if (!search.services.includes(UNDOCUMENTED)) return source.count(search, signal);
      const named = namedIn(search);
      const all = await source.count({ ...search, services: ALL }, signal);
      const rest = Math.max(0, all - (await known(search, signal)));
      return named.length === 0 ? rest : rest + (await source.count({ ...search, services: named }, signal));
    },
  };
}

function namedIn({ services }: Search): string[] {
  return services.filter((service) => service !== UNDOCUMENTED);
}

async function* pagesOfBoth(source: Source, search: Search, signal?: AbortSignal): AsyncGenerator<Page, void, void> {
  const named = namedIn(search);
  const rest = undocumentedPages(source.pages({ ...search, services: ALL }, signal));
  const parts = named.length === 0 ? [rest] : [source.pages({ ...search, services: named }, signal), rest];
  try {
    // All are asked before anything is shown: a refusal is one of the whole search.
    const first: IteratorResult<Page, void>[] = [];
    for (const part of parts) first.push(await part.next());
    let number = 0;
    for (const [index, part] of parts.entries()) {
      for (let next = first[index]!; !next.done; next = await part.next()) {
        const page = next.value;
        number = index === 0 ? page.number : number + 1;
        page.number = number;
        page.last &&= index === parts.length - 1;
        page.isPartial = parts.length > 1;
        yield page;
      }
    }
  } finally {
    for (const part of parts) await part.return();
  }
}

/** Pages without the records of services that the catalogue knows, or that name none. */
async function* undocumentedPages(pages: AsyncGenerator<Page, void, void>): AsyncGenerator<Page, void, void> {
  /** Digests: the texts of a whole search would take its size in memory. */
  const shown = new Set<string>();
  const digestOf = ({ text }: ReceivedRecord) => sha256(text).slice(0, 16);
  let isAgain = false;
  for await (const page of pages) {
    // A search that starts again shows everything again.
    if (page.number === 1) isAgain = shown.size > 0;
    page.records = page.records.filter((record) => isUndocumented(record) && !(isAgain && shown.has(digestOf(record))));
    for (const digest of page.records.map(digestOf)) shown.add(digest);
    yield page;
  }
}

function isUndocumented({ value }: ReceivedRecord): boolean {
  return isObject(value) && typeof value.service === 'string' && askedAs(value.service) === UNDOCUMENTED;
}

/** Counts what the known services hold. Those that JumpCloud refuses to count are left out. */
function knownCounter(source: Source): (search: Search, signal?: AbortSignal) => Promise<number> {
  let answering = documentedServices();
  return async (search, signal) => {
    const count = (services: readonly string[]) => countUnlessRefused(source, { ...search, services }, signal);
    for (const services of [documentedServices(), answering]) {
      const whole = await count(services);
      if (whole !== undefined) return whole;
    }
    answering = [];
    let sum = 0;
    for (const service of documentedServices()) {
      const own = await count([service]);
      if (own === undefined) continue;
      answering.push(service);
      sum += own;
    }
    return sum;
  };
}

async function countUnlessRefused(source: Source, search: Search, signal?: AbortSignal): Promise<number | undefined> {
  if (search.services.length === 0) return undefined;
  try {
    return await source.count(search, signal);
  } catch (error) {
    if (!asCollectorError(error).is('refusesCount')) throw error;
    return undefined;
  }
}
