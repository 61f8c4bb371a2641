// The cookie that binds a sign-in elsewhere to the browser that began it, for ten minutes.
import type { FastifyReply, FastifyRequest } from 'fastify';

const NAME = '__Host-rivet-oidc';
/** Lax: the provider sends the browser back, which is a link followed from another site. */
const FLAGS = 'Path=/; Secure; HttpOnly; SameSite=Lax';

export function setOidcCookie(reply: FastifyReply, secret: string, seconds: number): void {
  reply.header('set-cookie', `${NAME}=${secret}; Max-Age=${seconds}; ${FLAGS}`);
}

export function clearOidcCookie(reply: FastifyReply): void {
  reply.header('set-cookie', `${NAME}=; Max-Age=0; ${FLAGS}`);
}

/** Undefined without one, and for two, of which nobody could say which is meant. */
export function readOidcCookie({ headers }: FastifyRequest): string | undefined {
  const values = (headers.cookie ?? '')
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${NAME}=`))
    .map((pair) => pair.slice(NAME.length + 1));
  return values.length === 1 ? values[0] : undefined;
}
