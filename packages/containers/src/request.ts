// The text of a request: what the agent reads to start one command. All that users wrote is quoted
// here.
import { RivetError } from '@rivet/base';
import type { CommandSpec } from './driver.ts';

/**
 * Linux takes no single argument or `NAME=value` above this many bytes, its NUL included
 * (MAX_ARG_STRLEN).
 */
const ARGUMENT_BYTES_MAX = 128 * 1024;
/**
 * A quarter of the usual 8 MB of stack is what all arguments and variables may take, less what the
 * image adds.
 */
const ARGUMENTS_BYTES_MAX = 2 * 1024 * 1024 - 64 * 1024;

/**
 * Variables that shells treat specially: assigning them in the agent would fail or change the
 * agent.
 */
const SHELL_VARIABLES =
  /^(?:rivet_.*|BASH.*|COMP_.*|DIRSTACK|ENV|EPOCH.*|EUID|FUNCNAME|FUNCNEST|GROUPS|HISTCMD|HISTSIZE|HOSTNAME|IFS|LANG|LC_.*|LINENO|MAIL.*|OPTARG|OPTERR|OPTIND|PIPESTATUS|POSIXLY_CORRECT|PPID|PS[0-4]|PWD|OLDPWD|RANDOM|SECONDS|SHELLOPTS|SHLVL|SRANDOM|TMOUT|UID|_)$/;
const SHELL_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** `text` as one word of a POSIX shell, whatever is in it. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/**
 * Checks a command before anything of it is written.
 * @param containerEnv variables of the container; those of the command come over them
 * @throws RIVET_CONTAINER_COMMAND_INVALID, RIVET_CONTAINER_ARGUMENTS_TOO_LONG
 */
export function checkCommand(
  command: CommandSpec,
  containerEnv: Readonly<Record<string, string>>,
): void {
  if (!/^[A-Za-z0-9_-]{1,100}$/.test(command.id)) {
    throw invalid('id', JSON.stringify(command.id), '1 to 100 letters, digits, "_" or "-"');
  }
  if (command.argv.length === 0 || command.argv[0] === '') {
    throw invalid('the program', 'empty', 'the name or path of a program');
  }
  if (!command.cwd.startsWith('/')) {
    throw invalid('cwd', JSON.stringify(command.cwd), 'an absolute path in the container');
  }
  checkText('cwd', command.cwd);
  checkEnv(command.env, invalid);
  let total = 0;
  for (const [index, argument] of command.argv.entries()) {
    const what = index === 0 ? 'the program name' : `argument ${index}`;
    checkText(what, argument);
    total += checkLength(what, argument);
  }
  for (const [name, value] of Object.entries({ ...containerEnv, ...command.env })) {
    total += checkLength(`the variable ${name}`, `${name}=${value}`);
  }
  if (total > ARGUMENTS_BYTES_MAX) {
    throw RivetError.of('RIVET_CONTAINER_ARGUMENTS_TOO_LONG', {
      what: 'the arguments and variables of the command together',
      found: `${total} bytes`,
      limit: `${ARGUMENTS_BYTES_MAX} bytes`,
    });
  }
}

/** Refuses variables that no process can have; `invalid` makes the error. */
export function checkEnv(
  env: Readonly<Record<string, string>>,
  invalid: (field: string, found: string, expected: string) => RivetError,
): void {
  for (const [name, value] of Object.entries(env)) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
    if (name === '' || /[=\u0000-\u001f\u007f]/.test(name) || !name.isWellFormed()) {
      throw invalid(
        'the name of a variable',
        JSON.stringify(name),
        'text without "=" and control characters',
      );
    }
    if (value.includes('\0') || !value.isWellFormed()) {
      throw invalid(
        `the value of the variable ${name}`,
        value.includes('\0') ? 'text with a NUL byte' : 'text that is not valid Unicode',
        'text without either',
      );
    }
  }
}

/** The request file of a command: shell code whose only words from outside are quoted. */
export function writeRequest(
  command: CommandSpec,
  containerEnv: Readonly<Record<string, string>>,
): string {
  const exports: string[] = [];
  const assignments: string[] = [];
  for (const [name, value] of Object.entries({ ...containerEnv, ...command.env })) {
    // What a shell would choke on or change is set by env(1) instead.
    if (SHELL_NAME.test(name) && !SHELL_VARIABLES.test(name)) {
      exports.push(`export ${name}=${quote(value)}`);
    } else {
      assignments.push(quote(`${name}=${value}`));
    }
  }
  const words = command.argv.map(quote);
  const program = command.argv[0] ?? '';
  const become =
    assignments.length === 0 ? words : ['env', ...assignments, ...envWords(program, words)];
  return [
    `rivet_cwd=${quote(command.cwd)}`,
    `rivet_environment() {\n:\n${exports.join('\n')}\n}`,
    `rivet_program() {\nrivet_require ${quote(program)}\nrivet_become ${become.join(' ')}\n}`,
    '',
  ].join('\n');
}

/**
 * env(1) takes a program with "=" in its name for one more variable; a shell in between does not.
 */
function envWords(program: string, words: readonly string[]): readonly string[] {
  return program.includes('=') ? ['sh', '-c', quote('exec "$@"'), 'sh', ...words] : words;
}

function checkText(field: string, text: string): void {
  if (text.includes('\0')) {
    throw invalid(field, 'text with a NUL byte', 'text without NUL');
  }
  if (!text.isWellFormed()) {
    throw invalid(field, 'text that is not valid Unicode', 'Unicode text');
  }
}

function checkLength(what: string, text: string): number {
  // The terminating NUL and the pointer count too.
  const bytes = Buffer.byteLength(text) + 1;
  if (bytes > ARGUMENT_BYTES_MAX) {
    throw RivetError.of('RIVET_CONTAINER_ARGUMENTS_TOO_LONG', {
      what,
      found: `${bytes - 1} bytes`,
      limit: `${ARGUMENT_BYTES_MAX - 1} bytes in one argument or variable`,
    });
  }
  return bytes + 8;
}

function invalid(field: string, found: string, expected: string): RivetError {
  return RivetError.of('RIVET_CONTAINER_COMMAND_INVALID', { field, found, expected });
}
