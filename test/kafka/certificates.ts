import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A certificate authority made for one test, with a broker's and a client's certificate signed by it. */
export interface Certificates {
  /** PEM of the authority. */
  readonly ca: string;
  readonly client: { readonly cert: string; readonly key: string };
  /** PEM files for a broker: key and certificate in one, and the authority. */
  readonly brokerKeyStore: string;
  readonly trustStore: string;
  dispose(): Promise<void>;
}

/** Makes them with openssl: the broker's is for 127.0.0.1 and localhost. */
export async function makeCertificates(): Promise<Certificates> {
  const directory = await mkdtemp(join(tmpdir(), 'jumpcloud-ocsf-tls-'));
  const file = (name: string) => join(directory, name);
  const openssl = (...given: string[]) => run('openssl', given, { cwd: directory });
  const key = (name: string) =>
    openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', `${name}.key`);
  await key('ca');
  await openssl(
    'req',
    '-x509',
    '-new',
    '-key',
    'ca.key',
    '-days',
    '2',
    '-subj',
    '/CN=Test authority',
    '-out',
    'ca.pem',
  );
  for (const [name, extension] of [
    ['broker', 'subjectAltName=IP:127.0.0.1,DNS:localhost'],
    ['client', 'extendedKeyUsage=clientAuth'],
  ] as const) {
    await key(name);
    await openssl('req', '-new', '-key', `${name}.key`, '-subj', `/CN=${name}`, '-out', `${name}.csr`);
    await writeFile(file(`${name}.ext`), extension);
    const signing = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', `${name}.ext`];
    await openssl('x509', '-req', '-in', `${name}.csr`, ...signing, '-out', `${name}.pem`);
  }
  const text = (name: string) => readFile(file(name), 'utf8');
  await writeFile(file('store.pem'), (await text('broker.key')) + (await text('broker.pem')));
  return {
    ca: await text('ca.pem'),
    client: { cert: await text('client.pem'), key: await text('client.key') },
    brokerKeyStore: file('store.pem'),
    trustStore: file('ca.pem'),
    dispose: () => rm(directory, { recursive: true, force: true }),
  };
}
