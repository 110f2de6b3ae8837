// Fails where a dependency that is delivered, installed for production or bundled into the pages, has a known vulnerability
// of severity high or critical. A registry that does not
// answer audits (offline, a mirror without the route) is reported loudly. With AUDIT_REQUIRED=true (main, releases) that
// is a failure too, since nothing is known then; elsewhere it passes.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { BUNDLED } from './bundled.mjs';

const { packages } = JSON.parse(readFileSync(new URL('../package-lock.json', import.meta.url), 'utf8'));

// npm cannot be asked for single packages: it judges all of them, and what stays here is not delivered.
const { stdout, error } = spawnSync('npm', ['audit', '--json'], {
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
const delivered = Object.values(found.vulnerabilities).filter(
  ({ name, nodes }) => BUNDLED.includes(name) || nodes.some((place) => packages[place]?.dev !== true),
);
for (const { name, severity, range, via } of delivered) {
  const why = via.map((cause) => (typeof cause === 'string' ? `through ${cause}` : `${cause.title} ${cause.url}`));
  process.stdout.write(`audit: ${name} ${range}: ${severity}: ${why.join(', ')}\n`);
}
const grave = delivered.filter(({ severity }) => severity === 'high' || severity === 'critical').length;
process.stdout.write(`audit: ${grave} high or critical of ${delivered.length} known vulnerabilities\n`);
process.exit(grave > 0 ? 1 : 0);
