import { allRows } from '../catalogue/index-by-type.js';
import { leavesOf, nameOfPath } from './leaves.js';
import { code, codes, markdownTable } from './markdown.js';
import type { Traced } from './trace.js';

/** What a detection asks of an event, and the attributes that may answer, the best first. */
const questions: readonly (readonly [question: string, attributes: readonly string[]])[] = [
  ['Who', ['actor.user.name', 'actor.user.uid', 'actor.app_name', 'user.name']],
  [
    'Whom or what',
    [
      'user.name',
      'user.uid',
      'evidences[].user.name',
      'group.name',
      'group.uid',
      'subgroup.name',
      'resource.name',
      'resources[].name',
      'resources[].uid',
      'entity.user.name',
      'entity.name',
      'entity.uid',
      'app.name',
      'finding_info.title',
      'finding_info.uid',
      'service.name',
      'dst_endpoint.hostname',
      'dst_endpoint.uid',
      'device.hostname',
      'device.uid',
    ],
  ],
  ['What changed', ['user_result.account.is_disabled', 'user_result.has_mfa', 'unmapped.changes[].field']],
  ['Privilege', ['privileges[]', 'access_list[]']],
  ['Factor', ['auth_factors[].factor_type', 'is_mfa']],
  ['From where', ['src_endpoint.ip', 'evidences[].src_endpoint.ip', 'device.ip']],
  ['Reason', ['status_detail', 'finding_info.desc', 'finding_info.types[]']],
];
const MOST = 3;

/** For each documented event type the attributes that say who, whom, what, with which factor, from where and why. */
export function describeFacts(traced: readonly Traced[]): string {
  const filled = new Map<string, Set<string>>();
  for (const { sample, event } of traced) {
    const key = `${sample.service} ${sample.eventType}`;
    const paths = filled.get(key) ?? new Set();
    filled.set(key, paths);
    for (const { steps } of leavesOf(event)) paths.add(nameOfPath(steps));
  }
  const rows = allRows
    .filter(({ known }) => known)
    .map(({ service, eventType }) => ({
      service,
      eventType,
      paths: filled.get(`${service} ${eventType}`) ?? new Set<string>(),
    }))
    .toSorted((a, b) => (`${a.service} ${a.eventType}` < `${b.service} ${b.eventType}` ? -1 : 1))
    .map(({ service, eventType, paths }) => [
      code(service),
      code(eventType),
      ...questions.map(([, attributes]) => codes(attributes.filter((path) => paths.has(path)).slice(0, MOST))),
    ]);
  return markdownTable(['Service', 'Event type', ...questions.map(([question]) => question)], rows);
}
