import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Whether certificates can be made here. With CI=true they must be. */
export const hasOpenssl = spawnSync('openssl', ['version']).status === 0;
if (!hasOpenssl) {
  const message = 'TLS IS NOT TESTED: the openssl command is missing';
  if (process.env.CI === 'true') throw new Error(message);
  console.error(`\n*** ${message} ***\n`);
}

export interface Certificate {
  readonly key: string;
  readonly cert: string;
}

/** A certificate authority of the test's own. */
export interface Authority {
  /** PEM file of its certificate. */
  readonly file: string;
  /** For the host name, or an address; negative days: expired. */
  issue(host: string, days?: number): Certificate;
  remove(): void;
}

export function createAuthority(name: string): Authority {
  const folder = mkdtempSync(join(tmpdir(), 'authority-'));
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  const newKey = (file: string) => openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', file);
  newKey('ca.key');
  openssl('req', '-x509', '-new', '-key', 'ca.key', '-subj', `/CN=${name}`, '-days', '30', '-out', 'ca.pem');
  let issued = 0;
  return {
    file: join(folder, 'ca.pem'),
    issue(host, days = 30) {
      issued += 1;
      const base = `server${issued}`;
      newKey(`${base}.key`);
      openssl('req', '-new', '-key', `${base}.key`, '-subj', `/CN=${host}`, '-out', `${base}.csr`);
      const kind = /^[\d.:]+$/.test(host) ? 'IP' : 'DNS';
      writeFileSync(join(folder, `${base}.ext`), `subjectAltName=${kind}:${host}\n`);
      const signed = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', `${base}.ext`];
      openssl('x509', '-req', '-in', `${base}.csr`, ...signed, '-days', String(days), '-out', `${base}.pem`);
      const read = (file: string) => readFileSync(join(folder, file), 'utf8');
      return { key: read(`${base}.key`), cert: read(`${base}.pem`) };
    },
    remove: () => rmSync(folder, { recursive: true }),
  };
}
