// What a runner without root may not touch is an error that says whose it is and what to do.
import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';

/** Makes entries that are closed, gives up root where it has it, and calls. */
const PROGRAM = `
  const { chmodSync, mkdirSync, writeFileSync } = await import('node:fs');
  const { createFsCalls } = await import(process.argv[1]);
  const fs = createFsCalls();
  const at = (path) => fs.workspace + '/' + path;
  const root = process.getuid() === 0;
  chmodSync(fs.outside, 0o755);
  for (const name of ['closed', 'locked']) mkdirSync(at(name));
  for (const name of ['closed/f', 'locked/f', 'secret']) writeFileSync(at(name), 'x');
  chmodSync(at('secret'), 0o200);
  chmodSync(at('closed'), 0o300);
  chmodSync(at('locked'), 0o555);
  if (root) { process.setgid(65534); process.setuid(65534); }
  const answers = [];
  for (const call of JSON.parse(process.argv[2])) {
    answers.push(await fs.call(...call).then(String, ({ code, message }) => code + ' ' + message));
  }
  if (root) process.stdout.write('root\\n');
  else { chmodSync(at('closed'), 0o700); chmodSync(at('locked'), 0o700); fs.remove(); }
  process.stdout.write(fs.outside + '\\n' + JSON.stringify(answers));
`;

it('names the owner and the mode of what it may not touch', () => {
  const calls = [
    ['read', 'secret'],
    ['list', 'closed'],
    ['list', '.', { recursive: true }],
    ['write', 'locked/new', 'x'],
    ['remove', 'locked/f'],
    ['mkdir', 'locked/d'],
    ['move', 'locked/f', 'f'],
    ['copy', 'secret', 'copy'],
    ['exists', 'secret'],
  ];
  const module = resolve(import.meta.dirname, '../testing/fs-calls.ts');
  const args = ['--input-type=module', '-e', PROGRAM, module, JSON.stringify(calls)];
  const lines = execFileSync(process.execPath, args, { encoding: 'utf8' }).split('\n');
  const directory = lines.at(-2)!;
  // Who gave up root cannot remove what is root's.
  if (lines[0] === 'root') execFileSync('rm', ['-rf', directory]);
  const answers = JSON.parse(lines.at(-1)!) as string[];
  const denied = (path: string, owner: string) =>
    expect.stringMatching(
      new RegExp(`^RIVET_FS_ACCESS fs\\.\\w+: Rivet has no permission for "${path}"${owner}$`),
    );
  const file = '; the file belongs to user \\d+ and has the mode 0200';
  const locked = '; the directory belongs to user \\d+ and has the mode 0555';
  const closed = '; the directory belongs to user \\d+ and has the mode 0300';
  expect(answers).toEqual([
    denied('secret', file),
    denied('closed', closed),
    denied('closed', closed),
    denied('locked/new', locked),
    denied('locked/f', locked),
    denied('locked/d', locked),
    denied('locked/f', ''),
    denied('secret', file),
    'true',
  ]);
});
