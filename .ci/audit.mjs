// Fails where a production dependency has a known vulnerability of severity high or critical. A registry that does not
// answer audits (offline, a mirror without the route) is reported loudly. With AUDIT_REQUIRED=true (main, releases) that
// is a failure too, since nothing is known then; elsewhere it passes.
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
  const required = process.env.AUDIT_REQUIRED === 'true';
  process.stdout.write(
    `audit: NOT DONE, the registry does not answer audits${required ? ', and one is required here' : ''}\n`,
  );
  process.exit(required ? 1 : 0);
}
const { high, critical, total } = found.metadata.vulnerabilities;
for (const { name, severity, range, via } of Object.values(found.vulnerabilities)) {
  const why = via.map((cause) => (typeof cause === 'string' ? `through ${cause}` : `${cause.title} ${cause.url}`));
  process.stdout.write(`audit: ${name} ${range}: ${severity}: ${why.join(', ')}\n`);
}
process.stdout.write(`audit: ${high + critical} high or critical of ${total} known vulnerabilities\n`);
process.exit(high + critical > 0 ? 1 : 0);
