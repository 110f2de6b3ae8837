import { UNDOCUMENTED } from '../../mappings/catalogue/index-by-type.js';
import { formatSecond } from '../../mappings/instant.js';
import { serverTime } from '../clock.js';
import { asCollectorError, type CollectorError } from '../errors.js';
import type { Client } from '../jumpcloud/client.js';
import { byReason, firstPage, organizationIn, type RefusedServices, refusalOf } from '../jumpcloud/insights/probe.js';
import type { Page } from '../jumpcloud/insights/source.js';
import { countUnasked, describeUnasked, unaskedCure } from '../reconcile/unasked-services.js';
import { type Finding, findingOf, type Report } from './finding.js';

/** What JumpCloud answered, for the checks that follow. */
export interface SourceAnswers {
  /** Services that answer; none where the credential, or the way to JumpCloud, does not hold. */
  readonly services: readonly string[];
  /** Named by the records; undefined where there were none. */
  readonly organization: string | undefined;
  /** The newest hour, day or week that has records. */
  readonly sample: Page | undefined;
}

/** What is asked for. Whole seconds. */
export interface SourceQuestion {
  readonly feed: string;
  readonly services: readonly string[];
  /** Where the next poll begins. */
  readonly start: (now: number) => number;
  /** True where JumpCloud's own count is used. */
  readonly counts: boolean;
}

const HOUR = 3600;
/** How far back a record is looked for, step by step. */
const REACHES = [HOUR, 24 * HOUR, 7 * 24 * HOUR] as const;

/** Asks JumpCloud what a poll would ask, with a few small searches. Never throws for what JumpCloud answers. */
export async function checkSource(
  client: Client,
  question: SourceQuestion,
  report: Report,
  signal: AbortSignal,
): Promise<SourceAnswers> {
  const { feed } = question;
  const now = () => Math.floor(serverTime(client.clock.reading()) / 1000);
  let services: readonly string[] = [];
  try {
    const refused = await askAll(client, question.services, now, signal);
    services = question.services.filter((service) => !refused.has(service));
    report(reached(client, feed), answering(feed, services, question.services.length));
    for (const reason of byReason(refused)) report(refusedService(feed, reason));
    report(...(await checkReach(client, feed, services, question.start(now()), now(), signal)));
    if (question.counts) {
      report(await checkCount(client, feed, services, now(), signal));
      report(...(await checkUnknownServices(client, feed, question, [...refused.keys()], now(), signal)));
    }
    const found = await lookForRecords(client, services, now(), signal);
    report(...clockFindings(client, feed));
    return { services, ...found };
  } catch (error) {
    report(findingOf(error, feed), ...clockFindings(client, feed));
    return { services, organization: undefined, sample: undefined };
  }
}

function answering(feed: string, services: readonly string[], asked: number): Finding {
  const message = `${services.length} of ${asked} answer: ${services.join(', ')}`;
  return { feed, part: 'services', verdict: 'ok', message };
}

/** Asks for all services at once; where that is refused, for each alone. @throws CollectorError where none answers */
async function askAll(
  client: Client,
  services: readonly string[],
  now: () => number,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, CollectorError>> {
  const first = await refusalOf(client, services, { start: now() - HOUR }, signal);
  if (first === undefined) return new Map();
  // A local clock far ahead asks for the future; the first answer has shown JumpCloud's own.
  const second =
    client.clock.skewMs() === undefined ? first : await refusalOf(client, services, { start: now() - HOUR }, signal);
  if (second === undefined) return new Map();
  const refused = new Map<string, CollectorError>();
  for (const service of services) {
    const refusal = await refusalOf(client, [service], { start: now() - HOUR }, signal);
    if (refusal !== undefined) refused.set(service, refusal);
  }
  if (refused.size === services.length) throw second;
  return refused;
}

function reached(client: Client, feed: string): Finding {
  const { configured, used, lastFour, where } = client.credential.state;
  const through = client.proxy === undefined ? '' : ` through the proxy ${client.proxy}`;
  const header = used === configured ? used : `${used} (configured: ${configured})`;
  return {
    feed,
    part: 'credential',
    verdict: 'ok',
    message: `${client.endpoints.baseUrl} takes …${lastFour} from ${where} as ${header}${through}`,
  };
}

function refusedService(feed: string, { services, error }: RefusedServices): Finding {
  const isOne = services.length === 1;
  const { message, cure, code, detail } = error;
  return {
    feed,
    part: `${isOne ? 'service' : 'services'} ${services.join(', ')}`,
    verdict: 'warning',
    message: `${isOne ? 'is' : 'are'} refused and will be set aside, the others go on: ${message}`,
    cure,
    code,
    ...(detail === undefined ? {} : { detail }),
  };
}

function clockFindings(client: Client, feed: string): Finding[] {
  const skew = client.clock.skewMs();
  if (skew === undefined) return [];
  const seconds = Math.abs(Math.round(skew / 1000));
  if (Math.abs(skew) <= 2_000) return [{ feed, part: 'clock', verdict: 'ok', message: "agrees with JumpCloud's" }];
  const then = client.clock.reading().apart ? 'positions follow the records alone' : 'whose clock is used';
  const message = `this machine's clock is ${seconds} s ${skew > 0 ? 'behind' : 'ahead of'} JumpCloud's: ${then}`;
  return [
    {
      feed,
      part: 'clock',
      verdict: 'warning',
      message,
      cure: 'Let NTP set the clock: certificates and logs go by it.',
    },
  ];
}

/** Whether JumpCloud goes as far back as the next poll does. */
async function checkReach(
  client: Client,
  feed: string,
  services: readonly string[],
  start: number,
  now: number,
  signal: AbortSignal,
): Promise<Finding[]> {
  if (start > now - HOUR) return [];
  try {
    await firstPage(client, services, { start, end: start + 60 }, signal);
    return [{ feed, part: 'history', verdict: 'ok', message: `JumpCloud answers from ${formatSecond(start)} on` }];
  } catch (error) {
    const failure = asCollectorError(error);
    const message = `the next poll begins at ${formatSecond(start)}, and JumpCloud refuses that: ${failure.message}`;
    return [{ ...findingOf(failure, feed), message }];
  }
}

async function checkCount(
  client: Client,
  feed: string,
  services: readonly string[],
  now: number,
  signal: AbortSignal,
): Promise<Finding> {
  try {
    const count = await client.count({ services, start: now - 2 * HOUR, end: now - HOUR }, signal);
    return {
      feed,
      part: 'count',
      verdict: 'ok',
      message: `JumpCloud counts too (${count} records in an hour): late records are found`,
    };
  } catch (error) {
    const { message, code } = asCollectorError(error);
    return {
      feed,
      part: 'count',
      verdict: 'warning',
      message: `JumpCloud refuses to count: ${message}`,
      cure: 'Nothing to do: polling continues; records that become visible later than poll.overlap are found by rereading, or set reconcile.enabled to false.',
      code,
    };
  }
}

/** Whether JumpCloud holds records of services that no event type asks for: one that it introduced since. */
async function checkUnknownServices(
  client: Client,
  feed: string,
  { services }: SourceQuestion,
  refused: readonly string[],
  now: number,
  signal: AbortSignal,
): Promise<Finding[]> {
  if (services.includes(UNDOCUMENTED)) return [];
  const found = await countUnasked(client, now, signal);
  if (found === undefined || found.records === 0) return [];
  return [
    { feed, part: 'unknown services', verdict: 'warning', message: describeUnasked(found, refused), cure: unaskedCure },
  ];
}

/** Goes back until there is a record that names an organization. */
async function lookForRecords(
  client: Client,
  services: readonly string[],
  now: number,
  signal: AbortSignal,
): Promise<Pick<SourceAnswers, 'organization' | 'sample'>> {
  let sample: Page | undefined;
  for (const reach of REACHES) {
    try {
      sample = await firstPage(client, services, { start: now - reach }, signal);
    } catch (error) {
      if (asCollectorError(error).is('refusesSearch')) break;
      throw error;
    }
    const organization = organizationIn(sample);
    if (organization !== undefined) return { organization, sample };
  }
  return { organization: undefined, sample };
}
