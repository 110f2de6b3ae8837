/**
 * Builds and runs the image of the Dockerfile where no container engine is: each stage is a directory that RUN enters
 * with chroot in a mount namespace of its own. For a stage with a shell the machine's own system directories stand in for
 * the base image, bound read-only; a distroless base gets the libraries that node links and nothing else, so that what
 * needs a shell, npm or /usr/bin/env fails here too. The finished image runs with a read-only root, its volume alone writable, as the image's user without
 * any capability. Needs root, for mounts.
 */
import { type ChildProcessWithoutNullStreams, execFile, spawn } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { cp } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { execForm, nameAndDefault, pairs, parseDockerfile, type Stage, substitute } from './dockerfile.js';

const run = promisify(execFile);

/** What an image says about how it is run. */
export interface Image {
  readonly root: string;
  /** Whether its base is distroless: then the machine's system directories are not bound into it. */
  readonly distroless: boolean;
  readonly env: ReadonlyMap<string, string>;
  readonly labels: ReadonlyMap<string, string>;
  readonly workdir: string;
  readonly user: string;
  readonly volumes: readonly string[];
  readonly ports: readonly number[];
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  readonly healthCheck: readonly string[];
}

/** Files of the build context by .dockerignore: plain paths, `*` for everything, `!` to take back. The last match wins. */
export function contextFiles(directory: string): string[] {
  const rules = readFileSync(join(directory, '.dockerignore'), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => ({ keep: line.startsWith('!'), path: line.replace(/^!/, '') }));
  const strange = rules.find(({ path }) => path !== '*' && /[*?[\]]/.test(path));
  if (strange !== undefined) throw new Error(`.dockerignore: cannot read ${strange.path}`);
  const verdict = (file: string) =>
    rules.findLast(({ path }) => path === '*' || file === path || file.startsWith(`${path}/`))?.keep ?? true;
  const leadsTo = (folder: string) => rules.some(({ keep, path }) => keep && path.startsWith(`${folder}/`));
  const visit = (folder: string): string[] =>
    readdirSync(join(directory, folder), { withFileTypes: true }).flatMap((entry) => {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (!entry.isDirectory()) return verdict(path) ? [path] : [];
      return verdict(path) || leadsTo(path) ? visit(path) : [];
    });
  return visit('');
}

/** Builds every stage of `directory`/Dockerfile below `into`, which must be empty. The npm cache is the user's own. */
export async function buildImage(directory: string, into: string): Promise<Image> {
  const context = join(into, 'context');
  for (const file of contextFiles(directory)) {
    mkdirSync(dirname(join(context, file)), { recursive: true });
    await cp(join(directory, file), join(context, file));
  }
  const { args, stages } = parseDockerfile(readFileSync(join(directory, 'Dockerfile'), 'utf8'));
  let image: Image | undefined;
  for (const stage of stages) image = await buildStage(stage, into, args);
  if (image === undefined) throw new Error('the Dockerfile has no stage');
  return image;
}

async function buildStage(stage: Stage, into: string, args: ReadonlyMap<string, string>): Promise<Image> {
  const root = join(into, `stage-${stage.name}`);
  const distroless = stage.base.startsWith('gcr.io/distroless/');
  if (distroless) await layDistroless(root);
  else layBase(root);
  const values = new Map(args);
  const env = new Map([['PATH', '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin']]);
  const labels = new Map<string, string>();
  const volumes: string[] = [];
  const ports: number[] = [];
  const told = new Map<string, string>();
  let workdir = '/';
  for (const { name, flags, rest } of stage.instructions) {
    if (name === 'ARG') values.set(...nameAndDefault(rest));
    else if (name === 'ENV') for (const pair of pairs(rest)) env.set(...pair);
    else if (name === 'LABEL') for (const [key, value] of pairs(rest)) labels.set(key, substitute(value, values));
    else if (name === 'VOLUME') volumes.push(rest);
    else if (name === 'EXPOSE') ports.push(Number(rest));
    else if (name === 'COPY') await copy(rest, flags, { root, workdir, into });
    else if (name === 'RUN') await enter(root, workdir, env, rest);
    else if (name === 'WORKDIR') {
      workdir = rest;
      mkdirSync(join(root, workdir), { recursive: true });
    } else told.set(name, rest);
  }
  return {
    root,
    distroless,
    env,
    labels,
    workdir,
    user: told.get('USER') ?? '0:0',
    volumes,
    ports,
    entrypoint: execForm(told.get('ENTRYPOINT') ?? '[]'),
    command: execForm(told.get('CMD') ?? '[]'),
    healthCheck: execForm(told.get('HEALTHCHECK')?.replace(/^.*?CMD\s+/, '') ?? '[]'),
  };
}

/** Home of the user who builds, inside the image. */
const home = '/root';

const system = ['usr', 'bin', 'sbin', 'lib', 'lib64', 'etc'].filter((name) =>
  readdirSync('/', { encoding: 'utf8' }).includes(name),
);
const bound = system.filter((name) => !lstatSync(`/${name}`).isSymbolicLink());

/** Mount points for the base image's directories, and its links among them. */
function layBase(root: string): void {
  for (const name of [...bound, 'dev', 'proc', 'tmp', `${home}/.npm`]) mkdirSync(join(root, name), { recursive: true });
  for (const name of system) if (!bound.includes(name)) symlinkSync(readlinkSync(`/${name}`), join(root, name));
}

/** The files of distroless/cc that node needs: the libraries it links with their loader, authorities, name service. */
async function layDistroless(root: string): Promise<void> {
  for (const name of ['dev', 'proc', 'tmp']) mkdirSync(join(root, name), { recursive: true });
  const { stdout } = await run('ldd', [process.execPath], { encoding: 'utf8' });
  const libraries = [...stdout.matchAll(/(\/\S+) \(0x/g)].map(([, path]) => path!);
  for (const path of [...libraries, '/etc/nsswitch.conf', '/etc/ssl/certs/ca-certificates.crt'])
    if (existsSync(path)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      await cp(path, join(root, path), { dereference: true });
    }
}

async function copy(
  rest: string,
  flags: ReadonlyMap<string, string>,
  { root, workdir, into }: { root: string; workdir: string; into: string },
): Promise<void> {
  const words = rest.split(/\s+/);
  const target = words.pop() ?? '';
  const stage = flags.get('from');
  const source = stage === undefined ? join(into, 'context') : join(into, `stage-${stage}`);
  const to = join(root, target.startsWith('/') ? target : join(workdir, target));
  for (const word of words) {
    // The stages with a shell have this machine's /usr bound: its node stands in for that of the image.
    const from = stage !== undefined && word === '/usr/local/bin/node' ? process.execPath : join(source, word);
    const folder = statSync(from).isDirectory();
    const place = folder || !target.endsWith('/') ? to : join(to, basename(from));
    mkdirSync(folder ? place : dirname(place), { recursive: true });
    await run('cp', ['-R', '--preserve=mode', folder ? `${from}/.` : from, place]);
    const owner = flags.get('chown');
    if (owner !== undefined) await run('chown', ['-hR', owner, place]);
  }
}

/** Mounts that make a stage's directory a machine: $1 is the directory; nothing of this is seen outside. */
const mounts = (directories: readonly string[]) => `set -e
root=$1; shift
mount --bind "$root" "$root"
for name in ${directories.join(' ')}; do
  mount --bind "/$name" "$root/$name"
  mount -o remount,bind,ro "$root/$name"
done
mount --rbind /dev "$root/dev"
mount --bind /proc "$root/proc"
`;

/** Carries out a RUN as root, with npm's cache of this machine at hand. */
async function enter(root: string, workdir: string, env: ReadonlyMap<string, string>, command: string): Promise<void> {
  const { stdout } = await run('npm', ['config', 'get', 'cache'], { encoding: 'utf8' });
  const script = `${mounts(bound)}
mount --bind "$1" "$root${home}/.npm"
exec chroot "$root" /bin/sh -c "umask 022; cd '$2' && $3"`;
  await run('unshare', ['--mount', 'sh', '-c', script, 'sh', root, stdout.trim(), workdir, command], {
    env: { ...Object.fromEntries(env), HOME: home, npm_config_prefer_offline: 'true' },
    maxBuffer: 16 * 1024 * 1024,
  }).catch((error: { stdout?: string; stderr?: string }) => {
    throw new Error(`RUN ${command}\n${error.stdout}\n${error.stderr}`, { cause: error });
  });
}

/**
 * Runs the image's entry point, or `program` in its place, as a container would: root read-only, the volume at
 * `volume` writable, the image's user, no capabilities, no new privileges, no environment but the image's and `env`.
 * Signals to the child reach the program; its exit code is the program's.
 */
export function runImage(
  image: Image,
  { volume, env = {}, args = image.command, program = image.entrypoint }: RunOptions,
): ChildProcessWithoutNullStreams {
  const place = image.volumes[0] ?? '';
  // Leaving uid 0 gives up every capability, and without new privileges none comes back.
  const script = `${mounts(image.distroless ? [] : bound)}
mount -o remount,bind,ro "$root"
mount --bind "$1" "$root${place}"; shift
exec setpriv --no-new-privs --inh-caps=-all --ambient-caps=-all \
  chroot --userspec=${image.user} --groups= "$root" "$@"`;
  return spawn('unshare', ['--mount', 'sh', '-c', script, 'sh', image.root, volume, ...program, ...args], {
    env: { ...Object.fromEntries(image.env), ...env },
  });
}

export interface RunOptions {
  /** Directory of this machine that is mounted at the image's volume. */
  readonly volume: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  readonly program?: readonly string[];
}

/** Why images cannot be built here; undefined where they can. */
export async function whyNot(): Promise<string | undefined> {
  if (process.platform !== 'linux') return 'mount namespaces need Linux';
  if (process.getuid?.() !== 0) return 'mount namespaces need root';
  return run('unshare', ['--mount', 'setpriv', '--version']).then(
    () => undefined,
    (error: Error) => `no mount namespace: ${error.message}`,
  );
}
