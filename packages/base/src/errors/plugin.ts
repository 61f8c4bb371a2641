// Errors of the area "plugin": what the commands around plugins find.
import { defineErrors } from './define.ts';

const usage = { status: 400, exit: 2, fault: 'user' } as const;

export const pluginErrors = defineErrors({
  RIVET_PLUGIN_NAME: {
    message: '{name} cannot be the name of a plugin; expected {expected}',
    solve: 'Choose another name: it is the name of the folder and what require("…") is given.',
    ...usage,
  },
  RIVET_PLUGIN_EXISTS: {
    message: '{folder} is there already',
    solve: 'Choose another name, or another place with --dir; nothing was overwritten.',
    ...usage,
  },
  RIVET_PLUGIN_NONE: {
    message: 'there is no plugin in {folder}: {problem}',
    solve:
      'Give the folder of a plugin, which has a plugin.lua; `rivet plugin new NAME` makes one to start from.',
    ...usage,
  },
  RIVET_PLUGIN_NO_TESTS: {
    message: 'the plugin {name} has no tests in {folder}',
    solve: 'Write one: a file such as tests/{name}_test.lua; docs/guide/plugins.md shows how.',
    ...usage,
  },
});
