// Where a database is: a URL with one host or several, of which one takes writes at a time.
import { RivetError } from '@rivet/base';
import { Client, type ClientConfig } from 'pg';

/** What a connection must be good for. */
type Wanted = 'any' | 'writes' | 'reads';

export interface DatabasePlace {
  /** One URL for each host, in the order in which they are tried. */
  readonly urls: readonly string[];
  readonly wanted: Wanted;
  /** Hosts, ports and name, without user and password. */
  readonly address: string;
}

/** Values of `target_session_attrs`, as libpq has them. */
const ATTRIBUTES: Readonly<Record<string, Wanted>> = {
  any: 'any',
  'read-write': 'writes',
  primary: 'writes',
  'read-only': 'reads',
  standby: 'reads',
};

/** Scheme, user and password, hosts, and what follows them. */
const PARTS = /^(postgres(?:ql)?:\/\/)([^/?#]*@)?([^/?#@]*)([^#]*)$/;

/**
 * Reads a URL as libpq does, such as
 * `postgres://user@one:5432,two:5432/name?target_session_attrs=read-write`.
 * Where there are several hosts and nothing says so, the one that takes writes is wanted.
 * @param setting the variable that it is from, for messages
 * @throws RIVET_DATABASE_URL_MISSING
 */
export function readDatabasePlace(url: string, setting = 'DATABASE_URL'): DatabasePlace {
  // Not the value itself: it may hold a password.
  const refuse = (found: string): never => {
    throw RivetError.of('RIVET_DATABASE_URL_MISSING', { setting, found });
  };
  if (url === '') return refuse('empty');
  const [, scheme = '', user = '', hosts = '', rest = ''] = PARTS.exec(url) ?? [];
  const urls = hosts.split(',').map((host) => `${scheme}${user}${host}${rest}`);
  const parsed = urls.map((each) => (URL.canParse(each) ? new URL(each) : undefined));
  if (scheme === '' || parsed.includes(undefined)) return refuse('not a PostgreSQL URL');
  const [first] = parsed;
  const attribute = first?.searchParams.get('target_session_attrs') ?? undefined;
  const wanted = ATTRIBUTES[attribute ?? (urls.length > 1 ? 'read-write' : 'any')];
  if (wanted === undefined) {
    const known = Object.keys(ATTRIBUTES).join(', ');
    return refuse(`a URL with target_session_attrs=${attribute}, which is none of ${known}`);
  }
  const places = parsed.map((each) => `${each?.hostname}:${each?.port || '5432'}`);
  return { urls: urls.map(withoutAttribute), wanted, address: places.join(',') + first?.pathname };
}

/** The driver would send it to the database, which does not know it. */
function withoutAttribute(url: string): string {
  const parsed = new URL(url);
  if (!parsed.searchParams.has('target_session_attrs')) return url;
  parsed.searchParams.delete('target_session_attrs');
  return parsed.href;
}

/**
 * A class of connections to this place. Each goes to the host that worked last; when that one
 * cannot be reached, or is not what is wanted, connecting fails and the next one goes to the next
 * host.
 */
export function clientOf({ urls, wanted }: DatabasePlace): typeof Client {
  let current = 0;
  return class extends Client {
    readonly #host: number;

    constructor(config?: string | ClientConfig) {
      const connectionString = urls[current] ?? '';
      super(typeof config === 'string' ? config : { ...config, connectionString });
      this.#host = current;
      // Whoever uses a connection that broke is told by the statement. The event may also come
      // while nobody has it yet, in one packet with the end of the login: unheard, it ends the
      // process.
      this.on('error', () => undefined);
    }

    override connect(): Promise<Client>;
    override connect(callback: (error: Error | null, client?: Client) => void): void;
    override connect(
      callback?: (error: Error | null, client?: Client) => void,
    ): Promise<Client> | undefined {
      const connecting = this.#connect();
      if (callback === undefined) return connecting;
      connecting.then(
        (client) => callback(null, client),
        (error: Error) => callback(error),
      );
      return undefined;
    }

    async #connect(): Promise<Client> {
      try {
        await super.connect();
        if (wanted !== 'any') await this.#check();
        return this;
      } catch (error) {
        // Unless another connection has gone on already.
        if (current === this.#host) current = (current + 1) % urls.length;
        throw error;
      }
    }

    async #check(): Promise<void> {
      const { rows } = await super.query<{ transaction_read_only: string }>(
        'SHOW transaction_read_only',
      );
      const takes = rows[0]?.transaction_read_only === 'off' ? 'writes' : 'reads';
      if (takes === wanted) return;
      await this.end().catch(() => undefined);
      throw new WrongHostError(takes);
    }
  };
}

/** The host is there, and not the one that is wanted at the moment. */
export class WrongHostError extends Error {
  constructor(takes: 'writes' | 'reads') {
    super(takes === 'writes' ? 'the host is no standby' : 'the host takes no writes at the moment');
  }
}
