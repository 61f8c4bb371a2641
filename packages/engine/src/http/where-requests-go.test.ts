// Where requests may go: addresses that are not public, names that rebind, redirects, rules.
import { RivetError } from '@rivet/base';
import type { InstallationPolicy } from '@rivet/pipeline';
import type { PipelinePolicy } from '@rivet/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stagePolicy } from '../policy/policy.ts';
import { LOOPBACK, send, serveHttp, type TestServer } from '../testing/http-client.ts';
import type { ResolveName } from './connect.ts';

let server: TestServer;
let asked: string[] = [];

beforeAll(async () => {
  server = await serveHttp((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    const to = new URL(request.url ?? '', 'http://x').searchParams.get('to');
    if (to === null) response.end('reached');
    else response.writeHead(302, { location: to }).end();
  });
});
afterAll(() => server.close());

/** Names that lead to these addresses, one after the other. */
function names(...addresses: string[]): ResolveName & { calls: number } {
  const resolve = Object.assign(
    async () => {
      const address = addresses[resolve.calls % addresses.length] ?? '';
      resolve.calls += 1;
      return [{ address, family: address.includes(':') ? 6 : 4 }];
    },
    { calls: 0 },
  );
  return resolve;
}

async function refusal(
  url: string,
  policy: InstallationPolicy = {},
  resolve?: ResolveName,
): Promise<RivetError> {
  asked = [];
  const before = server.connections();
  const sender = resolve === undefined ? {} : { resolve };
  const error: unknown = await send({ url }, { policy, sender }).then(
    () => new Error('it was answered'),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(RivetError);
  if (asked.length === 0) expect(server.connections()).toBe(before);
  return error as RivetError;
}

describe('without a policy', () => {
  it.each([
    'http://127.0.0.1:PORT/',
    'http://127.1:PORT/',
    'http://127.0.0.1.:PORT/',
    'http://2130706433:PORT/',
    'http://0x7f000001:PORT/',
    'http://0x7f.1:PORT/',
    'http://0177.0.0.1:PORT/',
    'http://017700000001:PORT/',
    'http://127.0.0.1%2f:PORT/',
    'http://①②⑦.⓪.⓪.①:PORT/',
    'http://127。0。0。1:PORT/',
    'http://0:PORT/',
    'http://0.0.0.0:PORT/',
    'http://[::1]:PORT/',
    'http://[::]:PORT/',
    'http://[::ffff:127.0.0.1]:PORT/',
    'http://[::ffff:7f00:1]:PORT/',
    'http://[0:0:0:0:0:ffff:127.0.0.1]:PORT/',
    'http://[::127.0.0.1]:PORT/',
    'http://[64:ff9b::127.0.0.1]:PORT/',
    'http://[2002:7f00:1::]:PORT/',
    'http://169.254.169.254/latest/meta-data/',
    'http://[::ffff:169.254.169.254]/',
    'http://[fd00:ec2::254]/',
    'http://169.254.170.2/v2/credentials',
    'http://100.100.100.200/',
    'http://10.0.0.1/',
    'http://172.16.0.1/',
    'http://192.168.1.1/',
    'http://100.64.0.1/',
    'http://[fe80::1]/',
    'http://[fc00::1]/',
    'http://224.0.0.1/',
    'http://255.255.255.255/',
    'http://198.18.0.1/',
    'gopher://127.0.0.1:PORT/_x',
    'file:///etc/passwd',
    'ftp://127.0.0.1/',
    'data:text/plain,x',
    'http://user:pw@127.0.0.1:PORT/',
    'http://example.com\\@127.0.0.1:PORT/',
    'http:127.0.0.1:PORT',
    '//127.0.0.1:PORT/',
    'http://[fe80::1%25eth0]/',
    'http://127.0.0.1:PORT\r\n/',
    'http://127.0.0.1:99999/',
    'http:///',
  ])('%s is refused, and nothing is connected to', async (url) => {
    const resolve = names('127.0.0.1');
    const { code } = await refusal(url.replace('PORT', String(server.port)), {}, resolve);
    expect(['RIVET_HTTP_ADDRESS', 'RIVET_HTTP_URL']).toContain(code);
  });

  it('a name that leads to an address that is not public is refused by that address', async () => {
    const error = await refusal(`http://inside.example:${server.port}/`, {}, names('10.1.2.3'));
    expect(error.message).toBe(
      `GET http://inside.example:${server.port}/: inside.example:${server.port} is 10.1.2.3, a private address, which is not on the public internet`,
    );
    expect(error.solve).toContain('`http.allow` of the file that RIVET_POLICY_FILE names');
  });

  it('a URL with a password is refused without showing it', async () => {
    const error = await refusal('http://me:hunter2@example.com/?token=t0k3n');
    expect(error.message).toContain('"http://***@example.com/?…" has a user or a password');
  });
});

describe('a name', () => {
  it('that leads to several addresses is only connected to at those that are allowed', async () => {
    const resolve = async () => [
      { address: '10.0.0.1', family: 4 },
      { address: '127.0.0.1', family: 4 },
    ];
    const url = `http://both.example:${server.port}/`;
    const policy = { http: { allow: ['127.0.0.1'] } };
    expect((await send({ url }, { policy, sender: { resolve } })).body).toBe('reached');
  });

  it('is looked up once for each hop, so what it leads to afterwards does not count', async () => {
    const resolve = names('127.0.0.1', '169.254.169.254');
    const url = `http://rebind.example:${server.port}/`;
    const sender = { resolve };
    expect((await send({ url }, { sender })).body).toBe('reached');
    expect(resolve.calls).toBe(1);
    expect((await refusal(url, { http: { allow: LOOPBACK } }, resolve)).code).toBe(
      'RIVET_HTTP_ADDRESS',
    );
  });

  it('that does not exist is an error that says so', async () => {
    const resolve: ResolveName = async () => {
      throw Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND' });
    };
    expect((await refusal('http://no.example/', {}, resolve)).message).toBe(
      'GET http://no.example/: the name of no.example could not be looked up: there is no such name',
    );
  });

  it('whose look-up never ends is left at connect_timeout', async () => {
    const resolve: ResolveName = () => new Promise(() => {});
    const sent = send(
      { url: 'http://slow.example/', connect_timeout: '50ms' },
      { sender: { resolve } },
    );
    await expect(sent).rejects.toThrow(
      'did not end within its connect_timeout of 50ms: it was looking up slow.example',
    );
  });
});

describe('an open connection', () => {
  it('is closed before anything is sent when its address is not the one that was allowed', async () => {
    const { http } = stagePolicy({ http: { allow: LOOPBACK } }, {}, undefined);
    let checks = 0;
    const policy = {
      ...http,
      checkAddress() {
        checks += 1;
        if (checks > 1) throw RivetError.of('RIVET_USAGE', { problem: 'another address' });
      },
    };
    asked = [];
    await expect(send({ url: server.url }, { sender: { policy } })).rejects.toThrow(
      'another address',
    );
    expect(asked).toEqual([]);
  });
});

describe('a redirect', () => {
  it.each(['http://169.254.169.254/', 'http://10.0.0.1/', 'http://[::1]:1/', 'http://0x7f.2:1/'])(
    'to %s is refused like a request for it',
    async (to) => {
      const url = `${server.url}/?to=${encodeURIComponent(to)}`;
      expect((await refusal(url, { http: { allow: ['127.0.0.1'] } })).code).toBe(
        'RIVET_HTTP_ADDRESS',
      );
      expect(asked).toHaveLength(1);
    },
  );

  it('to a host that the rules do not allow is refused', async () => {
    const url = `${server.url}/?to=${encodeURIComponent('http://other.example/')}`;
    const error = await refusal(url, { http: { allow: ['127.0.0.1'] } }, names('127.0.0.2'));
    expect(error.message).toContain('GET http://other.example/: ');
    expect(asked).toHaveLength(1);
  });
});

describe('rules', () => {
  const check = (
    [installation, pipeline, stage]: readonly (PipelinePolicy['http'] | undefined)[],
    name: string,
    address: string,
  ): string => {
    const level = (http: PipelinePolicy['http'] | undefined) =>
      http === undefined ? {} : { http };
    const policy = stagePolicy(level(installation), level(pipeline), level(stage)).http;
    try {
      policy.checkHost('GET', { name, port: 443 });
      policy.checkAddress('GET', { name, port: 443 }, address);
      return 'allowed';
    } catch (error) {
      return (error as RivetError).message;
    }
  };
  const PUBLIC = '93.184.216.34';

  it.each([
    ['nothing is said', [], 'a.com', PUBLIC, 'allowed'],
    [
      'every level allows it',
      [{ allow: ['*'] }, { allow: ['*.com'] }, { allow: ['a.com'] }],
      'a.com',
      PUBLIC,
      'allowed',
    ],
    [
      'the installation does not',
      [{ allow: ['b.com'] }],
      'a.com',
      PUBLIC,
      'GET: the policy of the installation does not allow a.com:443: http.allow has "b.com"',
    ],
    [
      'the pipeline does not',
      [undefined, { allow: [] }],
      'a.com',
      PUBLIC,
      'GET: the policy of the pipeline does not allow a.com:443: http.allow is empty',
    ],
    [
      'the stage denies it',
      [undefined, { allow: ['*'] }, { deny: ['*.com'] }],
      'a.com',
      PUBLIC,
      'GET: the policy of the stage does not allow a.com:443: http.deny has "*.com"',
    ],
    [
      'the port is another',
      [{ allow: ['a.com:80'] }],
      'a.com',
      PUBLIC,
      'GET: the policy of the installation does not allow a.com:443: http.allow has "a.com:80"',
    ],
    [
      'its address is denied',
      [{ deny: ['93.0.0.0/8'] }],
      'a.com',
      PUBLIC,
      'GET: the policy of the installation does not allow a.com:443 at 93.184.216.34: http.deny has "93.0.0.0/8"',
    ],
    [
      'its address is denied behind NAT64',
      [{ deny: ['93.0.0.0/8'] }],
      'a.com',
      '64:ff9b::93.184.216.34',
      'GET: the policy of the installation does not allow a.com:443 at 64:ff9b::93.184.216.34: http.deny has "93.0.0.0/8"',
    ],
    ['its address is allowed', [{ allow: ['93.0.0.0/8'] }], 'a.com', PUBLIC, 'allowed'],
    [
      'its address is not among those',
      [{ allow: ['94.0.0.0/8'] }],
      'a.com',
      PUBLIC,
      'GET: the policy of the installation does not allow a.com:443 at 93.184.216.34: http.allow has "94.0.0.0/8"',
    ],
    ['a private address is listed', [{ allow: ['10.0.0.0/8'] }], 'a.com', '10.1.1.1', 'allowed'],
    [
      'a private address is listed for another port',
      [{ allow: ['*', '10.0.0.0/8:80'] }],
      'a.com',
      '10.1.1.1',
      'GET: a.com:443 is 10.1.1.1, a private address, which is not on the public internet',
    ],
    [
      'a private address has a rule by name only',
      [{ allow: ['a.com'] }],
      'a.com',
      '10.1.1.1',
      'GET: a.com:443 is 10.1.1.1, a private address, which is not on the public internet',
    ],
    [
      'only the pipeline lists a private address',
      [undefined, { allow: ['10.0.0.0/8'] }],
      'a.com',
      '10.1.1.1',
      'GET: a.com:443 is 10.1.1.1, a private address, which is not on the public internet',
    ],
    [
      'a listed private network is denied in part',
      [{ allow: ['10.0.0.0/8'], deny: ['10.1.0.0/16'] }],
      'a.com',
      '10.1.1.1',
      'GET: the policy of the installation does not allow a.com:443 at 10.1.1.1: http.deny has "10.1.0.0/16"',
    ],
  ] as [string, PipelinePolicy['http'][], string, string, string][])(
    'when %s',
    (_, levels, name, address, expected) => {
      expect(check(levels, name, address)).toBe(expected);
    },
  );

  it('a host that is not allowed is never looked up: its name could tell something', async () => {
    const resolve = names('127.0.0.1');
    await refusal('http://c2VjcmV0.evil.example/', { http: { allow: ['a.com'] } }, resolve);
    expect(resolve.calls).toBe(0);
  });
});
