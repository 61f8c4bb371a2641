// `rivet context use`: says which server commands go to.
import { defineCommand, flag, required } from '../../command.ts';
import { findContext, loadConfig } from '../../config.ts';
import { changeConfigFile } from '../../config-file.ts';
import { exitCodes } from '../../exit-codes.ts';

export const contextUse = defineCommand({
  details: 'RIVET_URL, RIVET_CONTEXT, --url and --context win over it.',
  examples: [{ command: 'rivet context use work', what: 'From now on, in every terminal' }],
  json: '`{context, url}`',
  arguments: { name: required('Name of the context') },
  options: { json: flag('Print JSON') },
  async run({ env, output }, { name }, options) {
    let url = '';
    await changeConfigFile(env, (file) => {
      ({ url } = findContext(file, name));
      return { ...file, settings: { ...file.settings, context: name } };
    });
    if (options.json) output.json({ context: name, url });
    else output.line(`Commands go to ${url} now`);
    const used = (await loadConfig(env)).url;
    if (used !== url)
      output.note(`RIVET_URL or RIVET_CONTEXT is set here: in this terminal they go to ${used}.`);
    return exitCodes.success;
  },
});
