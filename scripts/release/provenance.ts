// How a release was made (provenance): an in-toto statement with a SLSA v1 predicate, and the DSSE
// envelope that signs it.
import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto';
import type { Sbom } from './sbom.ts';

export interface ProvenanceFacts {
  /** The files of the release, with their SHA-256 in hexadecimal. */
  readonly subjects: readonly { readonly name: string; readonly sha256: string }[];
  /** Where the source is, such as `git+https://example.com/rivet.git`. */
  readonly source: string;
  readonly ref: string;
  /** Id of the commit, in hexadecimal. */
  readonly commit: string;
  /** The packages that the release is used with. */
  readonly sbom: Sbom;
  /** Who made it: a URI that stands for a builder and what it promises. */
  readonly builder: string;
  /** Versions of the programs that had a hand in it. */
  readonly versions: Readonly<Record<string, string>>;
  readonly startedOn: string;
  readonly finishedOn: string;
}

const PAYLOAD_TYPE = 'application/vnd.in-toto+json';
/** What `externalParameters` mean; docs/operating/releases.md describes it. */
const BUILD_TYPE = 'urn:rivet:build:source-archive:1';

/** The statement, as a value to be written as JSON. */
export function makeStatement(facts: ProvenanceFacts): object {
  const { source, ref, commit, builder, versions, startedOn, finishedOn } = facts;
  return {
    _type: 'https://in-toto.io/Statement/v1',
    subject: facts.subjects.map(({ name, sha256 }) => ({ name, digest: { sha256 } })),
    predicateType: 'https://slsa.dev/provenance/v1',
    predicate: {
      buildDefinition: {
        buildType: BUILD_TYPE,
        externalParameters: { source: `${source}@${ref}` },
        internalParameters: {},
        resolvedDependencies: [
          { uri: `${source}@${ref}`, digest: { gitCommit: commit } },
          ...packagesOf(facts.sbom),
        ],
      },
      runDetails: {
        builder: { id: builder, version: versions },
        metadata: { startedOn, finishedOn },
      },
    },
  };
}

function packagesOf(sbom: Sbom): { uri: string; digest: { sha512: string } }[] {
  return sbom.components.flatMap(({ purl, hashes = [] }) => {
    const sha512 = hashes.find(({ alg }) => alg === 'SHA-512')?.content;
    return sha512 === undefined ? [] : [{ uri: purl, digest: { sha512 } }];
  });
}

export interface Envelope {
  readonly payloadType: string;
  /** Base64. */
  readonly payload: string;
  readonly signatures: readonly { readonly keyid: string; readonly sig: string }[];
}

/**
 * Signs a statement.
 * @param pem an Ed25519 private key in PEM
 */
export function signStatement(statement: object, pem: string): Envelope {
  const key = readKey(pem);
  const payload = Buffer.from(JSON.stringify(statement));
  const sig = sign(null, preAuthenticationEncoding(PAYLOAD_TYPE, payload), key);
  return {
    payloadType: PAYLOAD_TYPE,
    payload: payload.toString('base64'),
    signatures: [{ keyid: keyId(key), sig: sig.toString('base64') }],
  };
}

/** The bytes that are signed: type and content with their lengths, so that none passes for another. */
export function preAuthenticationEncoding(type: string, payload: Buffer): Buffer {
  const head = `DSSEv1 ${Buffer.byteLength(type)} ${type} ${payload.length} `;
  return Buffer.concat([Buffer.from(head), payload]);
}

function readKey(pem: string): KeyObject {
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    // Not its own error, which may show parts of what it was given.
    throw new Error('RIVET_RELEASE_KEY is no private key; expected an Ed25519 key in PEM');
  }
  if (key.asymmetricKeyType === 'ed25519') return key;
  throw new Error(`RIVET_RELEASE_KEY is a key for ${key.asymmetricKeyType}; expected ed25519`);
}

/** SHA-256 of the public key, by which it is told apart from others. */
function keyId(key: KeyObject): string {
  const der = createPublicKey(key).export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(der).digest('hex');
}
