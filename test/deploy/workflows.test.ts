import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, string | boolean>>;
  readonly env?: Readonly<Record<string, string>>;
}
interface Job {
  readonly needs?: string;
  readonly permissions?: Readonly<Record<string, string>>;
  readonly steps: readonly Step[];
}
interface Workflow {
  readonly on: { readonly push?: { readonly tags?: readonly string[]; readonly branches?: readonly string[] } };
  readonly permissions: object;
  readonly jobs: Readonly<Record<string, Job>>;
}

const directory = fileURLToPath(new URL('../../.github/workflows/', import.meta.url));
const workflows = readdirSync(directory).map((name) => {
  const text = readFileSync(directory + name, 'utf8');
  return { name, text, workflow: parse(text) as Workflow };
});
const named = (name: string) => workflows.find((workflow) => workflow.name === name)!.workflow;
const commands = (job: Job) => job.steps.map(({ run }) => run ?? '').join('\n');

describe.each(workflows)('the workflow $name', ({ text, workflow }) => {
  it('takes each action by the commit that a version stands for, and says which version', () => {
    const uses = text.split('\n').filter((line) => /\buses:/.test(line));
    expect(uses.length).toBeGreaterThan(0);
    for (const line of uses) expect(line).toMatch(/uses: [\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  });

  it('leaves no credential in the checkout', () => {
    for (const { steps } of Object.values(workflow.jobs))
      for (const step of steps)
        if (step.uses?.startsWith('actions/checkout@')) expect(step.with?.['persist-credentials']).toBe(false);
  });

  it('puts nothing that others may name into a script: values come by environment', () => {
    for (const job of Object.values(workflow.jobs)) expect(commands(job)).not.toContain('${{');
  });
});

it('takes one commit for one action in all workflows', () => {
  const taken = new Map<string, Set<string>>();
  for (const { text } of workflows)
    for (const [, action = '', commit = ''] of text.matchAll(/uses: ([\w/-]+)@(.+)/g))
      taken.set(action, (taken.get(action) ?? new Set()).add(commit));
  for (const [action, commits] of taken) expect([action, ...commits]).toHaveLength(2);
});

it('requires an answered audit on main and for a release', () => {
  const gates = [named('check.yml'), named('release.yml')].map(
    ({ jobs }) => jobs.gate!.steps.find(({ run }) => run === 'bash .ci/run')?.env?.AUDIT_REQUIRED,
  );
  expect(gates[0]).toMatch(/^\$\{\{ github\.ref == 'refs\/heads\/main' \}\}$/);
  expect(gates[1]).toBe('true');
});

describe('a release', () => {
  const { on, permissions, jobs } = named('release.yml');

  it('starts with a tag of the version alone, after the gate', () => {
    expect(on).toEqual({ push: { tags: ['v*'] } });
    expect(commands(jobs.gate!)).toContain('= "v$(node -p \'require("./package.json").version\')"');
    expect(Object.entries(jobs).map(([name, { needs }]) => [name, needs])).toEqual([
      ['gate', undefined],
      ['package', 'gate'],
      ['image', 'gate'],
    ]);
  });

  it('gives each job the rights it needs and no others', () => {
    expect(permissions).toEqual({});
    expect(jobs.gate!.permissions).toEqual({ contents: 'read' });
    expect(jobs.package!.permissions).toEqual({ contents: 'write', 'id-token': 'write', attestations: 'write' });
    expect(jobs.image!.permissions).toEqual({
      contents: 'read',
      packages: 'write',
      'id-token': 'write',
      attestations: 'write',
    });
  });

  it('builds the image for both platforms, with bill of materials and provenance, and signs the digest it pushed', () => {
    const script = commands(jobs.image!);
    expect(script).toContain('--platform linux/amd64,linux/arm64 --sbom=true --provenance=mode=max');
    expect(script).toContain('cosign sign --yes --recursive "$IMAGE@$DIGEST"');
    expect(script).toContain('cosign attest --yes --type cyclonedx --predicate sbom.cdx.json "$IMAGE@$DIGEST"');
    // What is signed is what was built: no other image, base or digest is given from outside.
    expect(script).not.toMatch(/NODE_IMAGE|RUNTIME_IMAGE/);
  });

  it('attaches package, bill of materials, digests and their signature to the release, with provenance', () => {
    const script = commands(jobs.package!);
    const order = [
      'npm run build',
      'npm pack',
      '.ci/sbom.mjs > release/',
      'sha256sum',
      'cosign sign-blob',
      'gh release create',
    ];
    const places = order.map((part) => script.indexOf(part));
    expect(places).toEqual([...places].sort((a, b) => a - b));
    expect(places).not.toContain(-1);
    for (const job of [jobs.package!, jobs.image!])
      expect(job.steps.some(({ uses }) => uses?.startsWith('actions/attest-build-provenance@'))).toBe(true);
  });
});

it('leaves README its two commands, and says how to build the image until there is a release', () => {
  const readme = readFileSync(`${directory}../../README.md`, 'utf8');
  expect(readme).toMatch(/^npm ci && npm start\b/m);
  expect(readme).toMatch(/^npm ci && npm test\b/m);
  expect(readme).toContain('`docker build --tag jumpcloud-ocsf .`');
});
