// What commands have in common that change several runners: all are looked up before any changes.
import { RivetError } from '@rivet/base';
import type { Client, Runner } from '@rivet/protocol';
import { type CommandContext, text } from '../../command.ts';
import type { ServerChoice } from '../../contexts.ts';
import { exitCodes } from '../../exit-codes.ts';
import { openClient } from '../../server.ts';

export const runnersSummary = 'Names, ids or beginnings of ids';
export const noteOption = text(
  'TEXT',
  'Why, for those who look at the runner or at a job that waits',
);

/**
 * Changes the runners one after the other, and prints a line for each, or all of them as JSON.
 * @param refs as they were typed; the same runner twice is changed once
 * @throws RIVET_USAGE when there are none; nothing is changed when one is not found
 */
export async function changeEach(
  context: CommandContext,
  refs: readonly string[],
  options: ServerChoice & { readonly json: boolean },
  change: (client: Client, ref: { ref: string; signal: AbortSignal }) => Promise<Runner>,
  tell: (runner: Runner) => string,
): Promise<number> {
  const { output, interrupt } = context;
  const { signal } = interrupt;
  if (refs.length === 0) {
    throw RivetError.of('RIVET_USAGE', {
      problem: 'no runner is named; expected one or more, for example builder-1',
    });
  }
  const client = await openClient(context, options);
  const found = new Map<string, Runner>();
  for (const ref of refs) {
    const runner = await client.getRunner({ ref, signal });
    found.set(runner.id, runner);
  }
  const items: Runner[] = [];
  for (const runner of found.values()) {
    const changed = await change(client, { ref: runner.id, signal });
    items.push(changed);
    if (!options.json) output.line(tell(changed));
  }
  if (options.json) output.json({ items });
  return exitCodes.success;
}
