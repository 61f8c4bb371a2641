// Whether a runner that registers or connects speaks a version of the protocol that we speak.
import { RivetError } from '@rivet/base';
import { PROTOCOL_HEADER, PROTOCOL_VERSION, PROTOCOL_VERSION_MIN } from '@rivet/protocol';

type Header = string | string[] | undefined;

/**
 * To be called before anything else of the request is looked at: what a newer runner says besides
 * would be refused as a mistake.
 * @param header of the request; absent: version 1, which did not say it
 * @throws RIVET_PROTOCOL_MISMATCH, RIVET_REQUEST_INVALID
 */
export function checkProtocol(header: Header): void {
  const runner = header === undefined ? 1 : readVersion(header);
  if (runner >= PROTOCOL_VERSION_MIN && runner <= PROTOCOL_VERSION) return;
  throw RivetError.of('RIVET_PROTOCOL_MISMATCH', {
    older: runner > PROTOCOL_VERSION ? 'orchestrator' : 'runner',
    runner: String(runner),
    server: `${PROTOCOL_VERSION_MIN} to ${PROTOCOL_VERSION}`,
  });
}

function readVersion(header: string | string[]): number {
  if (typeof header === 'string' && /^[1-9]\d{0,8}$/.test(header)) return Number(header);
  const found = JSON.stringify(header);
  const summary = `the header ${PROTOCOL_HEADER} is ${found}; expected a whole number from 1 on`;
  throw RivetError.of('RIVET_REQUEST_INVALID', { summary });
}
