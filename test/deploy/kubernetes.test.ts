import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { configFileVariable } from '../../collector/config/environment.js';
import { keys } from '../../collector/config/keys.js';
import { defaultConfigFile, loadConfig } from '../../collector/config/load-config.js';
import { execForm, parseDockerfile } from './dockerfile.js';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));
const directory = `${root}deploy/kubernetes/`;

interface Mount {
  readonly name: string;
  readonly mountPath: string;
}
interface Container {
  readonly image: string;
  readonly args: readonly string[];
  readonly env?: readonly { readonly name: string }[];
  readonly envFrom?: readonly { readonly configMapRef: { readonly name: string; readonly optional: boolean } }[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly startupProbe: Probe;
  readonly livenessProbe: Probe;
  readonly readinessProbe: Probe;
  readonly resources: { readonly requests: object; readonly limits: Readonly<Record<string, string>> };
  readonly securityContext: Record<string, unknown>;
  readonly volumeMounts: readonly Mount[];
}
interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
}
interface Volume {
  readonly name: string;
  readonly persistentVolumeClaim?: { readonly claimName: string };
  readonly configMap?: { readonly name: string; readonly optional?: boolean };
  readonly secret?: { readonly secretName: string; readonly defaultMode: number };
}
interface Rule {
  readonly from?: readonly object[];
  readonly to?: readonly object[];
  readonly ports: readonly { readonly port: string | number; readonly endPort?: number }[];
}
interface PodSpec {
  readonly serviceAccountName: string;
  readonly automountServiceAccountToken: boolean;
  readonly enableServiceLinks: boolean;
  readonly terminationGracePeriodSeconds: number;
  readonly securityContext: Record<string, unknown>;
  readonly containers: readonly Container[];
  readonly volumes: readonly Volume[];
}
interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> };
  readonly data?: Readonly<Record<string, string>>;
  readonly stringData?: Readonly<Record<string, string>>;
  readonly resources?: readonly string[];
  // Checked against the published types below; here only what the tests compare.
  readonly spec?: {
    readonly replicas?: number;
    readonly strategy?: { readonly type: string };
    readonly serviceName?: string;
    readonly selector?: { readonly matchLabels: object };
    readonly podSelector?: { readonly matchLabels: object };
    readonly template?: { readonly metadata: { readonly labels: object }; readonly spec: PodSpec };
    readonly volumeClaimTemplates?: readonly { readonly metadata: { readonly name: string } }[];
    readonly ports?: readonly { readonly name: string; readonly port: number; readonly targetPort: string | number }[];
    readonly endpoints?: readonly {
      readonly port: string;
      readonly path: string;
      readonly authorization: { readonly credentials: { readonly name: string; readonly key: string } };
    }[];
    readonly podMetricsEndpoints?: readonly {
      readonly port: string;
      readonly path: string;
      readonly authorization: { readonly credentials: { readonly name: string; readonly key: string } };
    }[];
    readonly ingress?: readonly Rule[];
    readonly egress?: readonly Rule[];
  };
}

const read = (path: string): Manifest[] =>
  parseAllDocuments(readFileSync(directory + path, 'utf8')).map((document) => {
    expect(document.errors, path).toEqual([]);
    return document.toJS() as Manifest;
  });
const one = (path: string, kind: string): Manifest => {
  const found = read(path).find((manifest) => manifest.kind === kind);
  if (found === undefined) throw new Error(`${path} has no ${kind}`);
  return found;
};

const files = readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.yaml'));
const label = { 'app.kubernetes.io/name': 'jumpcloud-ocsf' };
/** Not the collector's: neither its Service nor its network policies choose the pod of response. */
const respondLabel = { 'app.kubernetes.io/name': 'jumpcloud-ocsf-respond' };
const variants = [
  { sink: 'kafka', kind: 'Deployment', workload: one('kafka/deployment.yaml', 'Deployment') },
  { sink: 'tables', kind: 'StatefulSet', workload: one('tables/statefulset.yaml', 'StatefulSet') },
];
const pods = variants.map((variant) => ({ ...variant, pod: variant.workload.spec!.template!.spec }));
const secret = one('secret.example.yaml', 'Secret');
const service = one('common/service.yaml', 'Service');

/** Kinds of Kubernetes itself, and where kubernetes-types has them. */
const published: Readonly<Record<string, string>> = {
  'v1/Namespace': 'core/v1',
  'v1/Secret': 'core/v1',
  'v1/ConfigMap': 'core/v1',
  'v1/Service': 'core/v1',
  'v1/ServiceAccount': 'core/v1',
  'v1/PersistentVolumeClaim': 'core/v1',
  'apps/v1/Deployment': 'apps/v1',
  'apps/v1/StatefulSet': 'apps/v1',
  'networking.k8s.io/v1/NetworkPolicy': 'networking/v1',
  'networking.k8s.io/v1/Ingress': 'networking/v1',
};

/** What the compiler says about manifests written as literals of the published types: unknown keys, missing and wrong values. */
async function complaints(manifests: readonly Manifest[]): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'manifests-'));
  try {
    const lines = manifests.flatMap((manifest, index) => {
      const module = published[`${manifest.apiVersion}/${manifest.kind}`];
      if (module === undefined) return [];
      const type = `import('kubernetes-types/${module}.js').${manifest.kind}`;
      return [`export const _${index}: ${type} = ${JSON.stringify(manifest)};`];
    });
    expect(lines).toHaveLength(manifests.length);
    writeFileSync(join(folder, 'manifests.ts'), `${lines.join('\n')}\n`);
    const options = {
      compilerOptions: {
        module: 'NodeNext',
        strict: true,
        noEmit: true,
        types: [],
        paths: { 'kubernetes-types/*': [`${root}node_modules/kubernetes-types/*`] },
      },
      files: ['manifests.ts'],
    };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(options));
    const compiler = `${root}node_modules/typescript/bin/tsc`;
    return await run(process.execPath, [compiler, '--project', folder]).then(
      () => [],
      (error: { stdout: string }) => error.stdout.split('\n').filter((line) => line !== ''),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe('the manifests', () => {
  it('are what the published types of Kubernetes allow, with no key they do not know', async () => {
    const operator = /^(kustomize\.config\.k8s\.io|monitoring\.coreos\.com)\//;
    const plain = files.flatMap(read).filter(({ apiVersion }) => !operator.test(apiVersion));
    expect(plain.length).toBeGreaterThan(9);
    expect(await complaints(plain)).toEqual([]);
    const misspelt = JSON.parse(JSON.stringify(pods[0]!.workload).replace('enableServiceLinks', 'enableServiceLink'));
    expect((await complaints([misspelt])).join()).toMatch(/enableServiceLink/);
  });

  it('all belong to one name and label', () => {
    for (const manifest of files.flatMap(read).filter(({ kind }) => kind !== 'Kustomization')) {
      expect(manifest.metadata.name).toMatch(
        /^jumpcloud-ocsf(-kafka|-webhook|-console|-environment|-ca|-feeds|-spool|-respond)?$/,
      );
      const own = manifest.metadata.name.endsWith('-respond') ? respondLabel : label;
      expect(manifest.metadata.labels).toMatchObject(own);
    }
  });

  it('are all named by a kustomization but for the examples, and a kustomization names nothing else', () => {
    const named = [
      'common',
      'kafka',
      'tables',
      'feeds',
      'console',
      'webhook',
      'webhook-kafka',
      'respond',
      'monitoring',
    ].flatMap((folder) =>
      one(`${folder}/kustomization.yaml`, 'Kustomization')
        .resources!.filter((resource) => !resource.startsWith('../'))
        .map((resource) => `${folder}/${resource}`),
    );
    const examples = [
      'secret.example.yaml',
      'respond-secret.example.yaml',
      'environment.example.yaml',
      'namespace.yaml',
    ];
    expect(files.filter((file) => !file.endsWith('kustomization.yaml')).sort()).toEqual([...named, ...examples].sort());
  });

  it.skipIf(!existsSync('/usr/bin/kubectl'))('are put together by kustomize itself', async () => {
    for (const folder of ['webhook-kafka', 'console', 'respond'])
      await run('kubectl', ['kustomize', `${directory}${folder}`]);
    for (const { sink, kind } of variants) {
      const { stdout } = await run('kubectl', ['kustomize', `${directory}${sink}`]);
      const kinds = parseAllDocuments(stdout).map((document) => (document.toJS() as Manifest).kind);
      expect(kinds).toEqual(expect.arrayContaining([kind, 'ConfigMap', 'Service', 'ServiceAccount', 'NetworkPolicy']));
    }
  });

  it('select the pods that they mean', () => {
    for (const { workload } of pods) {
      expect(workload.spec!.selector!.matchLabels).toEqual(label);
      expect(workload.spec!.template!.metadata.labels).toMatchObject(label);
    }
    expect(service.spec!.selector).toEqual(label);
    for (const folder of ['webhook', 'console'])
      expect(one(`${folder}/service.yaml`, 'Service').spec!.selector).toEqual(label);
    for (const path of ['common', 'kafka', 'console', 'webhook'].map((folder) => `${folder}/network-policy.yaml`))
      expect(one(path, 'NetworkPolicy').spec!.podSelector!.matchLabels).toEqual(label);
    expect(one('monitoring/service-monitor.yaml', 'ServiceMonitor').spec!.selector!.matchLabels).toEqual(
      service.metadata.labels,
    );
  });
});

describe.each(pods)('the pod of the sink $sink', ({ sink, workload, pod }) => {
  const container = pod.containers[0]!;
  const config = read(`${sink}/config.yaml`)[0]!;

  it('is one, and the old one has ended before a new one starts', () => {
    expect(workload.spec!.replicas).toBe(1);
    if (sink === 'kafka') expect(workload.spec!.strategy).toEqual({ type: 'Recreate' });
    else expect(workload.spec!.serviceName).toBe(service.metadata.name);
  });

  it('reads a configuration that the collector takes, with its secrets from the Secret', () => {
    const place = (name: string) => container.volumeMounts.find((mount) => mount.name === name)!.mountPath;
    expect(`${place('config')}/config.yaml`).toBe(defaultConfigFile);
    const asked: string[] = [];
    const { feeds, shared } = loadConfig({
      env: {},
      defaultFile: defaultConfigFile,
      readFile: (path) => {
        if (path === defaultConfigFile) return { text: config.data!['config.yaml']!, mode: 0o644 };
        asked.push(path);
        return { text: 'text-of-a-secret', mode: 0o440 };
      },
    });
    expect(feeds).toHaveLength(1);
    expect(feeds[0]!.sink).toBe(sink);
    expect(shared.http.token).toBeDefined();
    expect(asked.length).toBeGreaterThan(1);
    for (const path of asked) {
      expect(path.startsWith(`${place('secret')}/`)).toBe(true);
      expect(Object.keys(secret.stringData!)).toContain(path.slice(place('secret').length + 1));
    }
    if (sink === 'tables') expect(feeds[0]!.tables.directory.startsWith(`${place('data')}/`)).toBe(true);
    expect(pod.terminationGracePeriodSeconds * 1000).toBeGreaterThan(shared.shutdown.graceMs + 5000);
  });

  it('mounts what exists: volumes, ConfigMaps and the Secret, readable by the pod alone', () => {
    const claims = workload.spec!.volumeClaimTemplates?.map((claim) => claim.metadata.name) ?? [];
    const volumes = [...pod.volumes.map((volume) => volume.name), ...claims];
    expect(container.volumeMounts.map((mount) => mount.name).sort()).toEqual([...volumes].sort());
    const maps = read('environment.example.yaml').map((map) => map.metadata.name);
    for (const { configMap, secret: mounted } of pod.volumes) {
      if (configMap?.optional) expect(maps).toContain(configMap.name);
      else if (configMap) expect(configMap.name).toBe(config.metadata.name);
      if (mounted) {
        expect(mounted.secretName).toBe(secret.metadata.name);
        expect(mounted.defaultMode & 0o007).toBe(0);
      }
    }
    for (const { configMapRef } of container.envFrom ?? []) {
      expect(maps).toContain(configMapRef.name);
      expect(configMapRef.optional).toBe(true);
    }
  });

  it('is probed where the collector answers, and the Service leads there', () => {
    const [image] = parseDockerfile(readFileSync(`${root}Dockerfile`, 'utf8')).stages.slice(-1);
    const exposed = image!.instructions.find(({ name }) => name === 'EXPOSE')!.rest;
    expect(container.ports).toEqual([{ name: 'http', containerPort: Number(exposed) }]);
    expect(keys.find((key) => key.path === 'http.port')!.schema.default).toBe(Number(exposed));
    for (const probe of [container.startupProbe, container.livenessProbe])
      expect(probe.httpGet).toEqual({ path: '/healthz', port: 'http' });
    expect(container.readinessProbe.httpGet).toEqual({ path: '/readyz', port: 'http' });
    expect(service.spec!.ports).toEqual([{ name: 'http', port: Number(exposed), targetPort: 'http' }]);
    const monitor = one('monitoring/service-monitor.yaml', 'ServiceMonitor').spec!.endpoints![0]!;
    expect(monitor).toMatchObject({ port: 'http', path: '/metrics' });
    expect(monitor.authorization.credentials.name).toBe(secret.metadata.name);
    expect(Object.keys(secret.stringData!)).toContain(monitor.authorization.credentials.key);
    expect(one('common/network-policy.yaml', 'NetworkPolicy').spec!.ingress![0]!.ports[0]!.port).toBe('http');
    const command = image!.instructions.find(({ name }) => name === 'CMD')!.rest;
    expect(container.args).toEqual(execForm(command));
  });

  it('runs as the image does: nobody, read-only, without capabilities, links or an account token', () => {
    const user = parseDockerfile(readFileSync(`${root}Dockerfile`, 'utf8'))
      .stages.at(-1)!
      .instructions.find(({ name }) => name === 'USER')!.rest;
    const { runAsUser, runAsGroup } = pod.securityContext;
    expect(`${runAsUser}:${runAsGroup}`).toBe(user);
    expect(pod.securityContext).toMatchObject({
      runAsNonRoot: true,
      fsGroup: runAsGroup,
      seccompProfile: { type: 'RuntimeDefault' },
    });
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    expect(pod).toMatchObject({ enableServiceLinks: false, automountServiceAccountToken: false });
    expect(container.resources.limits).toEqual({ memory: '512Mi', 'ephemeral-storage': '2Gi' });
  });

  it('is of the version that this tree builds', () => {
    const { version } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as { version: string };
    expect(container.image).toBe(`jumpcloud-ocsf:${version}`);
  });
});

it('the feeds of a ConfigMap are mounted where the configuration looks for them, and the collector takes each', () => {
  const { patches } = one('feeds/kustomization.yaml', 'Kustomization') as Manifest & {
    readonly patches: readonly { readonly patch: string }[];
  };
  const changes = patches.flatMap(({ patch }) => parse(patch) as { path: string; value: unknown }[]);
  const valueAt = (path: string) => changes.find((change) => change.path === path)!.value;
  const map = one('feeds/feeds.yaml', 'ConfigMap');
  const mount = valueAt('/spec/template/spec/containers/0/volumeMounts/-') as Mount;
  expect(valueAt('/spec/template/spec/volumes/-')).toEqual({
    name: mount.name,
    configMap: { name: map.metadata.name },
  });
  const { feeds, invalid, notes } = loadConfig({
    env: {},
    defaultFile: defaultConfigFile,
    readDirectory: (path) => (path === mount.mountPath ? Object.keys(map.data!) : []),
    readFile: (path) => {
      if (path === defaultConfigFile) return { text: valueAt('/data/config.yaml') as string, mode: 0o644 };
      const feed = map.data![path.slice(mount.mountPath.length + 1)];
      return { text: feed ?? 'text-of-a-secret', mode: 0o440 };
    },
  });
  expect({ invalid, notes }).toEqual({ invalid: [], notes: [] });
  expect(feeds.map(({ name, poll }) => [name, poll.intervalMs])).toEqual([
    ['acme', 60_000],
    ['globex', Number.POSITIVE_INFINITY],
  ]);
});

it('webhooks with events in Kafka have a volume where the spool lies', () => {
  const { patches } = one('webhook-kafka/kustomization.yaml', 'Kustomization') as Manifest & {
    readonly patches: readonly { readonly patch: string }[];
  };
  const [volume, mount] = patches.flatMap(({ patch }) => parse(patch) as { value: Volume & Mount }[]);
  const claim = one('webhook-kafka/volume-claim.yaml', 'PersistentVolumeClaim');
  expect(volume!.value.persistentVolumeClaim).toEqual({ claimName: claim.metadata.name });
  const directory = keys.find(({ path }) => path === 'state.directory')!.schema.default as string;
  expect(join('/', directory).startsWith(`${mount!.value.mountPath}/`)).toBe(true);
});

it('the console’s configuration is taken, without a feed, and its Service reaches a pod that is not ready', () => {
  const { patches } = one('console/kustomization.yaml', 'Kustomization') as Manifest & {
    readonly patches: readonly { readonly patch: string }[];
  };
  const [config] = patches.flatMap(({ patch }) => parse(patch) as { value: string }[]);
  const { feeds, shared, notes } = loadConfig({
    env: {},
    defaultFile: defaultConfigFile,
    readDirectory: () => [],
    readFile: (path) => ({ text: path === defaultConfigFile ? config!.value : 'text-of-a-secret', mode: 0o440 }),
  });
  expect([feeds, notes]).toEqual([[], []]);
  const { console: its } = shared;
  expect(its).toMatchObject({ enabled: true, manage: true, host: '0.0.0.0' });
  const mounts = pods.find(({ sink }) => sink === 'tables')!.pod.containers[0]!.volumeMounts;
  for (const path of [its.directory, its.roots.tables!, its.roots.secrets!])
    expect(mounts.some(({ mountPath }) => `${path}/`.startsWith(`${mountPath}/`))).toBe(true);
  const { ports, publishNotReadyAddresses } = one('console/service.yaml', 'Service').spec as {
    ports: unknown[];
    publishNotReadyAddresses: boolean;
  };
  expect([ports, publishNotReadyAddresses]).toEqual([
    [{ name: 'console', port: its.port, targetPort: its.port }],
    true,
  ]);
  expect(one('console/network-policy.yaml', 'NetworkPolicy').spec!.ingress![0]!.ports[0]!.port).toBe(its.port);
  const ingress = readFileSync(`${directory}console/ingress.yaml`, 'utf8');
  expect(ingress).toContain(`host: ${new URL(its.publicUrl!).host}\n`);
});

describe('the pod of response', () => {
  const workload = one('respond/deployment.yaml', 'Deployment');
  const pod = workload.spec!.template!.spec;
  const container = pod.containers[0]!;
  const own = one('respond-secret.example.yaml', 'Secret');
  const place = (name: string) => container.volumeMounts.find((mount) => mount.name === name)!.mountPath;

  it('does not run until it is scaled up, is one, and is confined as the collector’s', () => {
    expect(workload.spec).toMatchObject({ replicas: 0, strategy: { type: 'Recreate' } });
    expect(workload.spec!.selector!.matchLabels).toEqual(respondLabel);
    expect(workload.spec!.template!.metadata.labels).toEqual(respondLabel);
    const collectors = pods[0]!.pod;
    expect(pod.securityContext).toEqual(collectors.securityContext);
    expect(container.securityContext).toEqual(collectors.containers[0]!.securityContext);
    expect(container.image).toBe(collectors.containers[0]!.image);
    expect(pod).toMatchObject({ enableServiceLinks: false, automountServiceAccountToken: false });
    expect(container.args).toEqual(['respond', 'watch']);
  });

  it('alone mounts the client secret of response, and nothing of the collector’s', () => {
    const mounted = pod.volumes.flatMap(({ configMap, secret: of, persistentVolumeClaim: claim }) => [
      ...(configMap === undefined ? [] : [configMap.name]),
      ...(of === undefined ? [] : [of.secretName]),
      ...(claim === undefined ? [] : [claim.claimName]),
    ]);
    expect(new Set(mounted)).toEqual(new Set(['jumpcloud-ocsf-respond']));
    for (const { pod: collectors } of pods) expect(JSON.stringify(collectors)).not.toContain('jumpcloud-ocsf-respond');
    expect(pod.volumes.find(({ secret: of }) => of !== undefined)!.secret!.defaultMode & 0o007).toBe(0);
  });

  it('reads a configuration that is taken: a credential of its own, nothing allowed, the journal on the volume', () => {
    const asked: string[] = [];
    const { feeds } = loadConfig({
      env: {},
      defaultFile: defaultConfigFile,
      readFile: (path) => {
        if (path === defaultConfigFile)
          return { text: one('respond/config.yaml', 'ConfigMap').data!['config.yaml']!, mode: 0o644 };
        asked.push(path);
        return { text: 'text-of-a-secret', mode: 0o440 };
      },
    });
    const { respond } = feeds[0]!;
    expect(respond.allow).toEqual([]);
    expect(respond.directory.startsWith(`${place('data')}/`)).toBe(true);
    expect(respond.killSwitch.startsWith(`${place('config')}/`)).toBe(true);
    expect(new Set(asked.map((path) => path.slice(place('secret').length + 1)))).toEqual(
      new Set(Object.keys(own.stringData!)),
    );
  });

  it('reaches DNS and public addresses on 443 alone, and only Prometheus reaches it', () => {
    const policy = one('respond/network-policy.yaml', 'NetworkPolicy').spec!;
    expect(policy.podSelector!.matchLabels).toEqual(respondLabel);
    const collectors = one('common/network-policy.yaml', 'NetworkPolicy').spec!;
    expect([policy.ingress, policy.egress]).toEqual([collectors.ingress, collectors.egress]);
  });

  it('is scraped with its own token, and the network policy lets the scrape in', () => {
    const { selector, podMetricsEndpoints } = one('monitoring/respond-pod-monitor.yaml', 'PodMonitor').spec!;
    expect(selector!.matchLabels).toEqual(respondLabel);
    const { port, path, authorization } = podMetricsEndpoints![0]!;
    expect([port, path]).toEqual([container.ports[0]!.name, '/metrics']);
    expect(authorization.credentials.name).toBe(own.metadata.name);
    expect(Object.keys(own.stringData!)).toContain(authorization.credentials.key);
  });

  it('is what Terraform makes of the same manifests', () => {
    const terraform = readFileSync(`${root}deploy/terraform/respond.tf`, 'utf8');
    const [, list] = /for name in \[([^\]]+)\]/.exec(terraform)!;
    const named = list!.split(',').map((name) => `respond/${name.trim().replaceAll('"', '')}.yaml`);
    expect(named.sort()).toEqual(
      files.filter((file) => file.startsWith('respond/') && !file.endsWith('kustomization.yaml')).sort(),
    );
  });
});

it('puts the pods into a namespace that enforces the restricted Pod Security Standard', () => {
  const namespace = one('namespace.yaml', 'Namespace');
  expect(namespace.metadata.labels['pod-security.kubernetes.io/enforce']).toBe('restricted');
  expect(readFileSync(`${directory}README.md`, 'utf8')).toContain('kubectl apply -f deploy/kubernetes/namespace.yaml');
});

describe('the network policies', () => {
  const common = one('common/network-policy.yaml', 'NetworkPolicy').spec!;
  const inNamespace = (name: string, labels?: object) => ({
    namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': name } },
    ...(labels === undefined ? {} : { podSelector: { matchLabels: labels } }),
  });

  it('let nobody in but Prometheus', () => {
    expect(common.ingress!.map(({ from }) => from)).toEqual([
      [inNamespace('monitoring', { 'app.kubernetes.io/name': 'prometheus' })],
    ]);
  });

  it('let the ingress controller reach the webhook port, and no other', () => {
    const { ingress } = one('webhook/network-policy.yaml', 'NetworkPolicy').spec!;
    const port = keys.find(({ path }) => path === 'receiver.port')!.schema.default;
    expect(ingress!.map(({ from }) => from)).toEqual([
      [inNamespace('ingress-nginx', { 'app.kubernetes.io/name': 'ingress-nginx' })],
    ]);
    expect(ingress!.flatMap(({ ports }) => ports)).toEqual([{ port, protocol: 'TCP' }]);
    expect(one('webhook/service.yaml', 'Service').spec!.ports).toEqual([{ name: 'webhook', port, targetPort: port }]);
  });

  it('let DNS out to kube-dns alone, and no rule out to everywhere', () => {
    const dns = common.egress!.filter(({ ports }) => ports.some(({ port }) => port === 53));
    expect(dns.map(({ to }) => to)).toEqual([[inNamespace('kube-system', { 'k8s-app': 'kube-dns' })]]);
    for (const { to } of common.egress!) expect(to?.length).toBeGreaterThan(0);
  });

  it('let the collector reach the one port of the brokers that its configuration names, over TLS', () => {
    const { egress } = one('kafka/network-policy.yaml', 'NetworkPolicy').spec!;
    const config = read('kafka/config.yaml')[0]!.data!['config.yaml']!;
    const { kafka } = parse(config) as { kafka: { brokers: string[]; tls: { enabled: boolean } } };
    const ports = kafka.brokers.map((broker) => Number(broker.split(':').at(-1)));
    expect(egress!.flatMap((rule) => rule.ports)).toEqual(ports.map((port) => ({ port, protocol: 'TCP' })));
    expect(kafka.tls.enabled).toBe(true);
  });
});

it.each(pods)('refuses to start with the placeholder of the example Secret as token ($sink)', ({ sink }) => {
  const config = read(`${sink}/config.yaml`)[0]!.data!['config.yaml']!;
  const load = (token: string) =>
    loadConfig({
      env: {},
      defaultFile: defaultConfigFile,
      readFile: (path) => ({
        text: path === defaultConfigFile ? config : path.endsWith('/http-token') ? token : 'text-of-a-secret',
        mode: 0o440,
      }),
    });
  expect(() => load(secret.stringData!['http-token']!)).toThrow(/http\.token/);
  expect(load('0123456789abcdef').feeds).toHaveLength(1);
});

it('the pods differ in their volume alone', () => {
  const [kafka, tables] = pods.map(({ pod }) => pod);
  const without = {
    ...tables!,
    containers: tables!.containers.map((container) => ({
      ...container,
      volumeMounts: container.volumeMounts.filter((mount) => mount.name !== 'data'),
    })),
  };
  expect(without).toEqual(kafka);
});

it('the example of an environment sets only what the collector reads', () => {
  const names = Object.keys(read('environment.example.yaml')[0]!.data!);
  const known = [...keys.flatMap(({ env, fileEnv }) => [env, fileEnv]), configFileVariable, 'HTTPS_PROXY', 'NO_PROXY'];
  expect(names.length).toBeGreaterThan(0);
  for (const name of names) expect(known).toContain(name);
});
