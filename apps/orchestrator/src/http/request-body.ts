// Reads the bodies of requests: JSON, or a report that is packed.
import { freeBytes, RivetError } from '@rivet/base';
import {
  PACKED_REPORT_TYPE,
  type PackedReport,
  partPackedReport,
  unpackReport,
  type Validate,
} from '@rivet/protocol';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { parseJsonBody } from './json-body.ts';

/** What the bodies of a route are held against. */
export interface BodyShapes {
  readonly body?: Validate;
  /** Of the JSON of a packed one; absent: it takes none. */
  readonly packed?: Validate;
}

/** A packed report that was not looked at yet. */
class PackedBody {
  readonly head: unknown;
  readonly blocks: Buffer;

  /** @throws RIVET_REQUEST_JSON, RIVET_REQUEST_INVALID */
  constructor(body: Buffer) {
    const { json, blocks } = partPackedReport(body);
    this.head = parseJsonBody(json);
    this.blocks = blocks;
  }
}

/** Has the server take these two kinds of bodies, and no others. */
export function addBodyParsers(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_, body, done) => {
    const bytes = body as Buffer;
    try {
      const value = parseJsonBody(bytes);
      // A copy of what came; those of large reports would have the heap collected again and again.
      freeBytes(bytes);
      done(null, value);
    } catch (error) {
      done(error as Error);
    }
  });
  app.addContentTypeParser(PACKED_REPORT_TYPE, { parseAs: 'buffer' }, (_, body, done) => {
    try {
      done(null, new PackedBody(body as Buffer));
    } catch (error) {
      done(error as Error);
    }
  });
}

/**
 * The body of a request to a route of these shapes.
 * @throws RIVET_REQUEST_INVALID, RIVET_REQUEST_MEDIA_TYPE
 */
export function bodyOf({ body, headers }: FastifyRequest, shapes: BodyShapes): unknown {
  if (!(body instanceof PackedBody)) return shapes.body?.(body);
  if (shapes.packed === undefined) {
    const found = headers['content-type'] ?? 'missing';
    throw RivetError.of('RIVET_REQUEST_MEDIA_TYPE', { found });
  }
  return unpackReport(shapes.packed(body.head) as PackedReport, body.blocks);
}
