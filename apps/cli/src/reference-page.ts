// Makes docs/reference/cli.md from the registry of commands: page and program cannot differ.
import { type Command, optionName } from './command.ts';
import { configKeys } from './config-file.ts';
import { exitCodeMeanings } from './exit-codes.ts';
import { optionSummary, optionUsage, usageLine } from './help.ts';
import { type RegistryEntry, registry } from './registry.ts';

/** The text of docs/reference/cli.md. */
export async function renderCliReference(): Promise<string> {
  const groups = await Promise.all(
    registry.map(async ({ title, entries }) => {
      const sections = await Promise.all(
        entries.map(async (entry) => renderCommand(entry, await entry.load())),
      );
      return [`## ${title}`, ...sections].join('\n\n');
    }),
  );
  return `${[introduction(), ...groups].join('\n\n')}\n`;
}

function introduction(): string {
  const codes = exitCodeMeanings.map(([code, meaning]) => `| ${code} | ${meaning} |`);
  const keys = Object.entries(configKeys).map(
    ([key, { variable, summary }]) => `| \`${key}\` | \`${variable}\` | ${cell(summary)} |`,
  );
  return `# The \`rivet\` command

This page is made from the commands themselves by \`npm run docs\`; a test fails when the two
differ.

Results go to standard output; progress, hints and errors go to standard error. At a terminal
there are colours and live progress, in a pipe plain lines. \`NO_COLOR\` switches colours off,
\`FORCE_COLOR=1\` on. Whatever a job or a server prints is made harmless to the terminal: colours
pass, every other control sequence does not. The order of options and arguments does not matter;
after \`--\` everything is an argument.

## Exit codes

| code | meaning |
|---|---|
${codes.join('\n')}

## Settings

An environment variable wins over the configuration file; an option of a command wins over both.
The file is \`$RIVET_CONFIG\`, else \`$XDG_CONFIG_HOME/rivet/config\` when that variable is set,
else \`~/.rivet/config\`: one JSON object such as \`{"url": "http://127.0.0.1:7450"}\`. An unknown
key is an error.

| key | variable | meaning |
|---|---|---|
${keys.join('\n')}

Besides, the file keeps under \`contexts\` what \`rivet login\` needs to go on: servers by name, with
tokens. So it is written for its owner alone (0600), in one step, by one process at a time.

| variable | meaning |
|---|---|
| \`RIVET_TOKEN\` | an API key, for the server of \`RIVET_URL\` and no other; it wins over the file |
| \`RIVET_SETUP_TOKEN\` | what \`rivet login --setup-token\` would ask for |
| \`RIVET_ALLOW_PLAINTEXT\` | \`yes\` sends tokens and passwords over plain HTTP to other machines too |
| \`RIVET_CONFIG\` | the file itself |
| \`RIVET_DEBUG\` | \`1\` adds the stack to errors, for a report of a defect |

## JSON

With \`--json\`, standard output holds JSON only; its shapes stand with each command. Fields are
added over time, never renamed or removed within a major version. An error is one line on standard
error: \`{"error": {"code", "message", "solve", "details"}}\`; the codes are those of
[errors](../errors.md).`;
}

function renderCommand({ path, summary }: RegistryEntry, command: Command): string {
  const name = path.join(' ');
  const examples = command.examples.map(({ command: line, what }) => `# ${what}\n${line}`);
  const parts = [
    `### rivet ${name}`,
    `${summary}.`,
    `\`\`\`sh\n${examples.join('\n\n')}\n\`\`\``,
    `Usage: \`${usageLine(name, command)}\``,
  ];
  const rows = [
    ...Object.entries(command.arguments).map(
      ([key, argument]) => [key.toUpperCase(), argument.summary] as const,
    ),
    ...Object.entries(command.options).map(
      ([key, option]) => [optionUsage(key, option), optionSummary(option)] as const,
    ),
  ];
  if (rows.length > 0) {
    const lines = rows.map(([usage, text]) => `| \`${usage}\` | ${cell(text)} |`);
    parts.push(['| argument or option | meaning |', '|---|---|', ...lines].join('\n'));
  }
  if (command.details !== undefined) parts.push(command.details);
  if (command.json !== undefined) parts.push(`\`${optionName('json')}\` prints ${command.json}.`);
  return parts.join('\n\n');
}

/** Text in a cell of a table. */
function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}
