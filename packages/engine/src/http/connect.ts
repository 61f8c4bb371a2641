// Opens the connection of a request, to addresses that the policy allows and to no others.
import { lookup as lookUpName } from 'node:dns/promises';
import { connect as connectTcp, type LookupFunction, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { isRivetError, parseIp, RivetError, unlessAborted } from '@rivet/base';
import type { HttpHost } from '@rivet/pipeline';
import type { buildConnector } from 'undici';
import { type HttpPolicy, showHost } from '../policy/http.ts';
import { connectFailure } from './http-failure.ts';
import type { Progress } from './progress.ts';

export interface ResolvedAddress {
  readonly address: string;
  readonly family: number;
}

/** Looks a host name up; every address counts. */
export type ResolveName = (name: string) => Promise<readonly ResolvedAddress[]>;

export const resolveName: ResolveName = (name) => lookUpName(name, { all: true });

/** Where a request goes, and what may stop it. */
export interface Destination {
  /** How messages name the request. */
  readonly request: string;
  readonly host: HttpHost;
  readonly policy: HttpPolicy;
  readonly resolve: ResolveName;
  /** Certificates that are trusted instead of those of the machine; undefined for these. */
  readonly ca: string | undefined;
}

/**
 * The addresses of a host that may be connected to.
 * @throws RIVET_HTTP_DNS; when the policy lets none of them pass, the error of the first
 */
export async function allowedAddresses(
  destination: Destination,
  signal: AbortSignal,
): Promise<readonly ResolvedAddress[]> {
  const { request, host, policy } = destination;
  const all = await addressesOf(destination, signal);
  let refusal: RivetError | undefined;
  const allowed = all.filter(({ address }) => {
    try {
      policy.checkAddress(request, host, address);
      return true;
    } catch (error) {
      if (!isRivetError(error)) throw error;
      refusal ??= error;
      return false;
    }
  });
  if (allowed.length > 0) return allowed;
  throw refusal ?? dnsFailure(destination, 'it has no address');
}

async function addressesOf(
  destination: Destination,
  signal: AbortSignal,
): Promise<readonly ResolvedAddress[]> {
  const { name } = destination.host;
  if (parseIp(name) !== undefined) return [{ address: name, family: name.includes(':') ? 6 : 4 }];
  try {
    return await unlessAborted(destination.resolve(name), signal);
  } catch (error) {
    signal.throwIfAborted();
    throw dnsFailure(destination, lookupReason(error), error);
  }
}

function dnsFailure({ request, host }: Destination, reason: string, cause?: unknown): RivetError {
  return RivetError.of('RIVET_HTTP_DNS', { request, host: host.name, reason }, cause);
}

function lookupReason(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOTFOUND') return 'there is no such name';
  if (code === 'EAI_AGAIN') return 'the name server did not answer (EAI_AGAIN)';
  return code ?? 'the look-up failed';
}

/**
 * A connector for undici: TCP to one of `addresses`, the address of the open connection held against
 * the policy, then TLS where the URL asks for it.
 * @param connected called when the connection is open
 */
export function createConnector(
  destination: Destination,
  addresses: readonly ResolvedAddress[],
  progress: Progress,
  signal: AbortSignal,
  connected: () => void,
): buildConnector.connector {
  return (options, callback) => {
    openSocket(destination, addresses, progress, signal, options).then(
      (socket) => {
        connected();
        callback(null, socket);
      },
      (error: unknown) => callback(connectFailure(destination, progress, error), null),
    );
  };
}

async function openSocket(
  destination: Destination,
  addresses: readonly ResolvedAddress[],
  progress: Progress,
  signal: AbortSignal,
  { protocol, servername }: buildConnector.Options,
): Promise<Socket> {
  const { request, host, policy } = destination;
  progress.tls = false;
  progress.phase = `connecting to ${showHost(host)}`;
  // The name was looked up before: whatever it leads to by now, only these addresses count.
  const lookup: LookupFunction = (_, { all }, answer) => {
    const [first] = addresses;
    if (all === true)
      answer(
        null,
        addresses.map((each) => ({ ...each })),
      );
    else answer(null, first?.address ?? '', first?.family ?? 4);
  };
  // An address is no name to Node, which would not ask `lookup`; it is the one that was checked.
  const socket = connectTcp({ host: host.name, port: host.port, lookup, autoSelectFamily: true });
  await opened(socket, 'connect', signal);
  try {
    policy.checkAddress(request, host, socket.remoteAddress ?? '');
  } catch (error) {
    socket.destroy();
    throw error;
  }
  socket.setNoDelay(true);
  if (protocol !== 'https:') return socket;
  progress.phase = `agreeing on TLS with ${showHost(host)}`;
  progress.tls = true;
  const name = servername ?? (parseIp(host.name) === undefined ? host.name : '');
  const secure: TLSSocket = connectTls({
    socket,
    host: host.name,
    servername: name,
    ALPNProtocols: ['http/1.1'],
    ...(destination.ca === undefined ? {} : { ca: destination.ca }),
  });
  return await opened(secure, 'secureConnect', signal);
}

/** Resolves when a socket is open; destroys it when `signal` aborts before. */
async function opened<S extends Socket>(
  socket: S,
  event: 'connect' | 'secureConnect',
  signal: AbortSignal,
): Promise<S> {
  const abort = (): void => void socket.destroy(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  try {
    return await new Promise<S>((resolve, reject) => {
      socket.once(event, () => resolve(socket));
      socket.once('error', reject);
      socket.once('close', () => reject(new Error('the server closed the connection')));
    });
  } catch (error) {
    socket.destroy();
    // What a destroyed socket still says has nobody to hear it.
    socket.on('error', () => {});
    throw error;
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
