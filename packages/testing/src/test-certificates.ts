// For tests of TLS: certificates of an authority that exists for a few minutes, made by openssl.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startProcess } from '@rivet/processes';

export interface TestCertificate {
  readonly certFile: string;
  readonly keyFile: string;
}

export interface TestAuthority {
  /** Path of its certificate. */
  readonly caFile: string;
  readonly pem: string;
  /** Makes a certificate for these names and addresses in files that begin with `name`. */
  issue(name: string, subjects?: readonly string[]): Promise<TestCertificate>;
}

const CURVE = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
const LOCAL = ['DNS:localhost', 'IP:127.0.0.1'];

/** Makes an authority whose files lie in `directory` and begin with `name`. */
export async function createTestAuthority(directory: string, name = 'ca'): Promise<TestAuthority> {
  const path = (file: string): string => join(directory, file);
  const [caFile, caKey] = [path(`${name}.pem`), path(`${name}.key`)];
  const subject = ['-subj', `/CN=${name}`, '-days', '2'];
  await openssl(['req', '-x509', ...CURVE, '-keyout', caKey, '-out', caFile, ...subject]);
  return {
    caFile,
    pem: await readFile(caFile, 'utf8'),
    async issue(file, subjects = LOCAL) {
      const [keyFile, certFile] = [path(`${file}.key`), path(`${file}.pem`)];
      const [request, extensions] = [path(`${file}.csr`), path(`${file}.ext`)];
      await writeFile(extensions, `subjectAltName=${subjects.join(',')}\n`);
      await openssl(['req', ...CURVE, '-keyout', keyFile, '-out', request, '-subj', `/CN=${file}`]);
      const signing = ['-CA', caFile, '-CAkey', caKey, '-CAcreateserial', '-days', '2'];
      const out = ['-in', request, '-out', certFile, '-extfile', extensions];
      await openssl(['x509', '-req', ...signing, ...out]);
      return { certFile, keyFile };
    },
  };
}

async function openssl(args: readonly string[]): Promise<void> {
  const env = { PATH: process.env.PATH };
  const child = startProcess({ file: 'openssl', args, env, stdin: 'ignore' });
  child.stdout?.resume();
  let words = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    words += text;
  });
  const { code, error } = await child.exit;
  if (code !== 0) throw new Error(`openssl ${args[0]}: ${error?.message ?? words}`);
}
