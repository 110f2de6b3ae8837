// Fails where a production dependency has a known vulnerability of severity high or critical. A registry that does not
// answer audits (offline, a mirror without the route) is said aloud and is no failure: it says nothing about the code.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const { stdout, error } = spawnSync('npm', ['audit', '--omit=dev', '--audit-level=high', '--json'], {
  cwd: fileURLToPath(new URL('..', import.meta.url)),
  encoding: 'utf8',
  maxBuffer: 64 * 1024 * 1024,
  stdio: ['ignore', 'pipe', 'ignore'],
});
if (error !== undefined) throw error;

/** npm's report; undefined where it printed none. Its own refusals are JSON too, but hold no counts. */
function report() {
  try {
    const parsed = JSON.parse(stdout);
    return parsed?.metadata?.vulnerabilities === undefined ? undefined : parsed;
  } catch {
    return undefined;
  }
}

const found = report();
if (found === undefined) {
  process.stdout.write('audit: not done, the registry does not answer audits\n');
  process.exit(0);
}
const { high, critical, total } = found.metadata.vulnerabilities;
for (const { name, severity, range, via } of Object.values(found.vulnerabilities)) {
  const why = via.map((cause) => (typeof cause === 'string' ? `through ${cause}` : `${cause.title} ${cause.url}`));
  process.stdout.write(`audit: ${name} ${range}: ${severity}: ${why.join(', ')}\n`);
}
process.stdout.write(`audit: ${high + critical} high or critical of ${total} known vulnerabilities\n`);
process.exit(high + critical > 0 ? 1 : 0);
