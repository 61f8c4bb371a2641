// `rivet doctor`: looks whether this machine has what Rivet needs; each finding comes with its fix.
import { defineCommand, flag, text } from '../command.ts';
import { loadConfig } from '../config.ts';
import { chooseServer } from '../contexts.ts';
import { allFindings, type Finding } from '../doctor/findings.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Style } from '../output.ts';

export const doctor = defineCommand({
  details: [
    'What `rivet run` needs must be good: exit code 1 otherwise. The database and the server are looked at when',
    'DATABASE_URL or RIVET_URL (or the configuration file) name them, and only noted otherwise.',
  ].join('\n'),
  examples: [
    { command: 'rivet doctor', what: 'Look at everything' },
    {
      command: 'rivet doctor --url http://127.0.0.1:7450',
      what: 'And whether that server answers, and who you are there',
    },
    { command: 'rivet doctor --json', what: 'For scripts' },
  ],
  json: '`{ok, findings: [{subject, level: "ok"|"note"|"problem", seen, fix}]}`; `fix` is null where nothing is to do',
  options: {
    url: text('URL', 'The server to look at'),
    context: text('NAME', 'The server to look at, by the name of its context'),
    json: flag('Print JSON'),
  },
  async run(context, _args, options) {
    const { output, env, interrupt } = context;
    const config = await loadConfig(env);
    const server = await chooseServer(env, options);
    const findings: Finding[] = [];
    const print = (finding: Finding): void => {
      findings.push(finding);
      if (!options.json) for (const line of findingLines(finding, output.style)) output.line(line);
    };
    const named = options.url ?? options.context;
    const wantsServer = named !== undefined || config.urlIsSet;
    for await (const finding of allFindings({
      env,
      config,
      server,
      wantsServer,
      signal: interrupt.signal,
    })) {
      print(finding);
    }
    const ok = findings.every((finding) => finding.level !== 'problem');
    if (options.json) {
      output.json({
        ok,
        findings: findings.map(({ fix, ...rest }) => ({ ...rest, fix: fix ?? null })),
      });
    } else {
      output.line();
      output.line(
        ok
          ? output.style.green('This machine is ready: rivet run pipeline.lua')
          : output.style.red('Something needed is missing or broken: see the fixes above.'),
      );
    }
    return ok ? exitCodes.success : exitCodes.failed;
  },
});

function findingLines({ subject, level, seen, fix }: Finding, style: Style): string[] {
  const marks = {
    ok: style.green('ok     '),
    note: style.yellow('note   '),
    problem: style.red('problem'),
  };
  const first = `${marks[level]}  ${style.bold(subject.padEnd(18))} ${seen}`;
  return fix === undefined
    ? [first]
    : [first, `         ${' '.repeat(18)} ${style.cyan(`fix: ${fix}`)}`];
}
