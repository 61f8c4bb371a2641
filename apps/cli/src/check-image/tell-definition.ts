// Says what a pipeline file defines, for the `rivet run` that is being loaded at the same time.
import type { CommandContext } from '../command.ts';
import { loadConfig } from '../config.ts';
import type { ToldDefinition } from '../definition-ahead.ts';
import { createEngineSession } from '../engine-session.ts';
import { readPipelineFile } from '../read-pipeline-file.ts';

/**
 * @returns one line; undefined when the file is not valid: the command finds out why
 * @throws like `loadConfig` and `readPipelineFile`
 */
export async function tellDefinition(
  file: string,
  context: CommandContext,
): Promise<string | undefined> {
  const { bundle, search } = await readPipelineFile(file, await loadConfig(context.env), context);
  const checked = await createEngineSession(context).check(bundle, search);
  if (!checked.ok) return undefined;
  const told: ToldDefinition = { bundle, definition: checked.definition };
  return `${JSON.stringify(told)}\n`;
}
