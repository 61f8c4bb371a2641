// The real program: finding commands, help, versions, exit codes, pipes.
import {
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { outcomeOf, startProcess } from '@rivet/processes';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { exitCodeMeanings } from './exit-codes.ts';
import { allEntries } from './registry.ts';
import { cli, LAUNCHER } from './testing/run-cli.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rivet-program-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** Nothing listens there: the port was never given to anybody. */
const NOWHERE = { RIVET_URL: 'http://127.0.0.1:1' };

describe('rivet', () => {
  it('prints its version', async () => {
    const manifest = await readFile(new URL('../package.json', import.meta.url), 'utf8');
    await cli('--version')
      .exits(0)
      .stdout(`${JSON.parse(manifest).version}\n`)
      .run();
  });

  it('shows every command and exit code in its help', async () => {
    const { stdout } = await cli('--help').exits(0).run();
    for (const { path, summary } of allEntries()) {
      expect(stdout).toContain(`  ${path.join(' ').padEnd(20)}  ${summary}\n`);
    }
    for (const [code, meaning] of exitCodeMeanings) {
      expect(stdout).toContain(`${code}`);
      expect(stdout).toContain(meaning);
    }
    await cli().exits(0).stdout(stdout).run();
    await cli('help').exits(0).stdout(stdout).run();
  });

  it.each([
    [['jbo', 'list'], /unknown command "jbo"; did you mean "job"\?/],
    [['job', 'lsit'], /unknown command "job lsit"; did you mean "list"\?/],
    [['job'], /"rivet job" needs one of: list, show, logs, cancel, retry, explain/],
    [['--verison'], /unknown option --verison; did you mean "--version"\?/],
    [['job', 'list', '--limti', '3'], /unknown option --limti; did you mean "--limit"\?/],
    [['job', 'show'], /ID is missing: id of the job/],
    [['help', 'nothing'], /unknown command "nothing"/],
    [
      ['run', 'p.lua', '--tree', '.', '--empty'],
      /--tree, --bind and --empty cannot be used together/,
    ],
    [['run', 'p.lua', '--input', 'novalue'], /./],
  ])('refuses %j with exit code 2', async (args, message) => {
    await cli(...args)
      .in(directory)
      .exits(2)
      .stderr(message)
      .run();
  });

  it.each([
    ['job', 'list'],
    ['pipeline', 'list'],
    ['runner', 'list'],
    ['job', 'cancel', '0195'],
  ])('%s %s says that the server is not there, with exit code 3', async (...args) => {
    await cli(...args)
      .env(NOWHERE)
      .exits(3)
      .stderr(/http:\/\/127\.0\.0\.1:1 cannot be reached: /)
      .run();
  });

  it('prints errors as JSON for whoever asked for JSON', async () => {
    const { stdout, stderr } = await cli('job', 'list', '--json').env(NOWHERE).exits(3).run();
    expect(stdout).toBe('');
    expect(JSON.parse(stderr).error.code).toBe('RIVET_SERVER_UNREACHABLE');
  });

  it('names a mistake in the configuration file', async () => {
    await mkdir(join(directory, 'rivet'));
    await writeFile(join(directory, 'rivet', 'config'), '{"ulr": "http://x"}');
    await cli('job', 'list')
      .env({ XDG_CONFIG_HOME: directory })
      .exits(2)
      .stderr(/rivet\/config: unknown key "ulr"; did you mean "url"\?/)
      .run();
  });

  it('ends quietly when its reader goes away', async () => {
    const script = `"$0" --help | head -n 1; echo done`;
    const shell = startProcess({
      file: '/bin/sh',
      args: ['-c', script, LAUNCHER],
      env: { PATH: process.env.PATH, HOME: directory },
    });
    const { stdout, stderr } = await outcomeOf(shell);
    expect(stdout).toMatch(/^rivet: .*\ndone\n$/);
    expect(stderr).toBe('');
  });

  it('works with standard input closed', async () => {
    const shell = startProcess({
      file: '/bin/sh',
      args: ['-c', '"$0" --help <&- >&2', LAUNCHER],
      env: { PATH: process.env.PATH, HOME: directory },
      stderr: 'ignore',
    });
    expect((await shell.exit).code).toBe(0);
  });
});

describe('every command', () => {
  it.each(allEntries().map((entry) => [entry.path.join(' '), entry] as const))(
    '%s has a help with examples that name it',
    async (name, entry) => {
      const command = await entry.load();
      expect(command.examples.length).toBeGreaterThan(0);
      for (const example of command.examples) expect(example.command).toContain(`rivet ${name}`);
      expect(entry.summary).not.toMatch(/\.$/);
      // What `--json` prints is documented wherever there is one.
      expect(command.json !== undefined).toBe('json' in command.options);
    },
  );

  it('prints its help instead of doing anything', async () => {
    await cli('pipeline', 'delete', 'x', '--help')
      .exits(0)
      .stdout(/^rivet pipeline delete: delete a pipeline[\s\S]*Examples[\s\S]*Usage[\s\S]*Options/)
      .run();
  });
});

describe('the launcher', () => {
  const launch = async (file: string, path: string | undefined, env = {}) => {
    const child = startProcess({ file, args: ['--version'], env: { ...env, PATH: path } });
    const { code, stdout, stderr } = await outcomeOf(child);
    return { code, stdout, stderr };
  };

  it('starts through a chain of links', async () => {
    await symlink(LAUNCHER, join(directory, 'first'));
    await symlink('first', join(directory, 'rivet'));
    const { code, stdout } = await launch(join(directory, 'rivet'), process.env.PATH);
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect(code).toBe(0);
  });

  describe('in an installation', () => {
    const start = async (env: Record<string, string>, { built = true } = {}) => {
      const write = async (path: string, content: string | Buffer) => {
        await mkdir(join(directory, dirname(path)), { recursive: true });
        await writeFile(join(directory, path), content, { mode: 0o755 });
      };
      await write('apps/cli/bin/rivet', await readFile(LAUNCHER));
      await write('apps/cli/src/main.ts', 'const what: string = "sources"; console.log(what);');
      if (built) await write('build/current/rivet.cjs', 'console.log("built");');
      await write('node_modules/.bin/node', `#!/bin/sh\nexec "${process.execPath}" "$@"\n`);
      return await launch(join(directory, 'apps/cli/bin/rivet'), '/usr/bin:/bin', env);
    };

    it.each([
      ['what was built', 'nothing is set', {}, true],
      ['what was built', 'RIVET_BUNDLED is on', { RIVET_BUNDLED: 'on' }, true],
      ['sources', 'RIVET_BUNDLED is off', { RIVET_BUNDLED: 'off' }, true],
      ['sources', 'nothing was built', {}, false],
    ])('starts %s when %s', async (what, _, env, built) => {
      const stdout = what === 'sources' ? 'sources\n' : 'built\n';
      expect(await start(env, { built })).toEqual({ code: 0, stdout, stderr: '' });
    });

    /** Starts `rivet run a.lua`: `tells` is what the process that is not the command does. */
    const startRun = async (program: string, tells: string) => {
      const write = async (path: string, content: string, mode = 0o644) => {
        await mkdir(join(directory, dirname(path)), { recursive: true });
        await writeFile(join(directory, path), content, { mode });
      };
      await write('apps/cli/bin/rivet', await readFile(LAUNCHER, 'utf8'), 0o755);
      await write('build/current/rivet.cjs', program);
      await write('build/current/check-image.bounds', '1000000 --flag\n');
      const node = `#!/bin/sh\ncase $1 in --flag) ${tells} ;; *) exec "${process.execPath}" "$@" ;; esac\n`;
      await write('node_modules/.bin/node', node, 0o755);
      await write('a.lua', 'return 1');
      return startProcess({
        file: join(directory, 'apps/cli/bin/rivet'),
        args: ['run', 'a.lua', '--empty'],
        cwd: directory,
        env: { PATH: '/usr/bin:/bin', TMPDIR: directory },
      });
    };

    it('lets a run know what another process finds out about its file', async () => {
      const child = await startRun(
        "console.log(process.env.RIVET_DEFINITION_PIPE, require('fs').readFileSync(8, 'utf8'))",
        'shift 3; echo "told $*"',
      );
      const { code, stdout } = await outcomeOf(child);
      expect(stdout).toBe(`${directory}/rivet-${child.pid} told ${directory} run a.lua\n\n`);
      expect(code).toBe(0);
      await expect
        .poll(() => readdir(directory), { timeout: 60_000 })
        .not.toContain(`rivet-${child.pid}`);
    });

    it('leaves no process that tells more than fits to a run that has ended', async () => {
      const child = await startRun(
        'process.exitCode = 2;',
        `trap '' PIPE; head -c 1000000 /dev/zero; echo >"${directory}/ended"`,
      );
      expect((await child.exit).code).toBe(2);
      await expect.poll(() => readdir(directory), { timeout: 60_000 }).toContain('ended');
    });

    it.each([
      ['from its image', 'there is one', 10, ['run', '--help'], {}],
      ['as it was built', 'the image is older than Node', -10, ['run', '--help'], {}],
      ['as it was built', 'Node is given options', 10, ['run', '--help'], { NODE_OPTIONS: '--x' }],
      ['as it was built', 'it is no run', 10, ['plan'], {}],
    ])('starts rivet %s when %s', async (how, _, youngerS, words, env) => {
      const at = join(directory, 'image');
      const write = async (path: string, content: string | Buffer, ageS = 0) => {
        await mkdir(join(at, dirname(path)), { recursive: true });
        await writeFile(join(at, path), content, { mode: 0o755 });
        await utimes(join(at, path), 1e9 + ageS, 1e9 + ageS);
      };
      await write('apps/cli/bin/rivet', await readFile(LAUNCHER));
      await write('node_modules/.bin/node', '#!/bin/sh\necho "$@"\n');
      await write('build/current/rivet.cjs', '');
      await write('build/current/run-image.blob', '', youngerS);
      const file = join(at, 'apps/cli/bin/rivet');
      const given = { PATH: '/usr/bin:/bin', ...env };
      const child = startProcess({ file, args: words, env: given, stdin: 'ignore' });
      const { code, stdout } = await outcomeOf(child);
      const built = `${at}/build/current`;
      const started =
        how === 'from its image'
          ? `--snapshot-blob ${built}/run-image.blob ${at}`
          : `${built}/rivet.cjs`;
      expect(stdout).toBe(`${started} ${words.join(' ')}\n`);
      expect(code).toBe(0);
    });

    it('says what RIVET_BUNDLED can be when it is something else', async () => {
      const { code, stderr } = await start({ RIVET_BUNDLED: 'yes' });
      expect(stderr).toBe('error: RIVET_BUNDLED is "yes"; expected on or off\n');
      expect(code).toBe(2);
    });
  });

  it('says clearly when there is no Node that is new enough', async () => {
    // A copy that has no installation around it, and a PATH whose node is old.
    const alone = join(directory, 'alone', 'bin');
    await mkdir(alone, { recursive: true });
    await writeFile(join(alone, 'rivet'), await readFile(LAUNCHER), { mode: 0o755 });
    const old = join(directory, 'old');
    await mkdir(old);
    await writeFile(
      join(old, 'node'),
      '#!/bin/sh\n[ "$1" = --version ] && echo v20.1.0 || echo 20\n',
      { mode: 0o755 },
    );
    const { code, stderr } = await launch(join(alone, 'rivet'), `${old}:/usr/bin:/bin`);
    expect(stderr).toMatch(/^error: rivet needs Node 24 or newer; found in PATH: v20\.1\.0\n/);
    expect(code).toBe(1);
  });
});
