// The command line of `podman exec`. What may be secret is not on it: every user of a machine sees
// the arguments of its programs.
import { RivetError } from '@rivet/base';
import type { CommandSpec } from '../driver.ts';
import { isPodmanVariable } from './cli.ts';

/** One call of `podman exec`. */
export interface ExecCall {
  readonly args: readonly string[];
  /** Text of the file that `--env-file` names. */
  readonly variables: string;
  /** Variables of the podman process itself, which hands them on. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * @param container name of the container
 * @param env all variables that the command is to have
 * @param file where `variables` will stand
 * @throws RIVET_CONTAINER_COMMAND_INVALID for a variable that Podman cannot hand on
 */
export function execArgs(
  container: string,
  command: CommandSpec,
  env: Readonly<Record<string, string>>,
  file: string,
): ExecCall {
  const lines: string[] = [];
  const handedOn: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (/[\n\r]/.test(value)) {
      if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) || isPodmanVariable(name)) {
        throw invalid(`the value of the variable ${name}`, 'text of several lines', 'one line');
      }
      handedOn[name] = value;
    } else if (/^#|\s/.test(name)) {
      throw invalid(
        'the name of a variable',
        JSON.stringify(name),
        'a name without spaces and "#"',
      );
    } else {
      lines.push(`${name}=${value}\n`);
    }
  }
  return {
    args: [
      'exec',
      ...(command.stdin === undefined ? [] : ['--interactive']),
      `--workdir=${command.cwd}`,
      `--env-file=${file}`,
      ...Object.keys(handedOn).map((name) => `--env=${name}`),
      '--',
      container,
      ...command.argv,
    ],
    variables: lines.join(''),
    env: handedOn,
  };
}

function invalid(field: string, found: string, expected: string): RivetError {
  return RivetError.of('RIVET_CONTAINER_COMMAND_INVALID', {
    field,
    found,
    expected: `${expected}: the image has no shell, and Podman takes nothing else`,
  });
}
