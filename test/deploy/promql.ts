import { parser } from '@prometheus-io/lezer-promql';

/** What a query reads. */
export interface Query {
  /** Metric names. */
  readonly metrics: ReadonlySet<string>;
  /** Label names it matches or groups by. */
  readonly labels: ReadonlySet<string>;
}

/** What Grafana puts in its variables' place before a query is sent. */
const variables: Readonly<Record<string, string>> = { __rate_interval: '5m', feed: 'acme' };

/**
 * Reads a query by Prometheus' own grammar; Grafana's variables are filled in first.
 * @throws Error for what Prometheus would refuse, and for a variable without a value
 */
export function readQuery(text: string): Query {
  const query = text.replace(/\$(\w+)/g, (variable, name: string) => {
    const value = variables[name];
    if (value === undefined) throw new Error(`no value for ${variable}`);
    return value;
  });
  const metrics = new Set<string>();
  const labels = new Set<string>();
  parser.parse(query).iterate({
    enter: ({ name, type, from, to, node }) => {
      const part = query.slice(from, to);
      if (type.isError) throw new Error(`not PromQL at ${from}: ${query}`);
      if (name === 'Identifier' && node.parent?.name === 'VectorSelector') metrics.add(part);
      if (name === 'LabelName') labels.add(part);
    },
  });
  return { metrics, labels };
}
