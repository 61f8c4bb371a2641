// Errors of the area "lua".
import { defineErrors } from './define.ts';

export const luaErrors = defineErrors({
  RIVET_LUA_SYNTAX: {
    message: '{where}: {message}',
    solve:
      'Correct the Lua syntax at the line shown; what is wrong often starts a little before it.',
    status: 422,
    exit: 1,
    fault: 'user',
  },
  RIVET_LUA_ERROR: {
    message: '{where}: {message}',
    solve: 'Follow the traceback to the line that raised the error. `pcall` catches errors.',
    status: 422,
    exit: 1,
    fault: 'user',
  },
  RIVET_LUA_VALUE: {
    message: '{where}: {path} is {found}; expected {expected}',
    solve:
      'Values that leave the script may be strings, numbers, booleans, functions, lists and tables with string keys.',
    status: 422,
    exit: 1,
    fault: 'user',
  },
  RIVET_LUA_HOST_CALL_REFUSED: {
    message: '{where}: {name} cannot be called while the script is only being read',
    solve: 'Move the call into a function that runs later, such as the script of a stage.',
    status: 422,
    exit: 1,
    fault: 'user',
  },
  RIVET_LUA_CPU_LIMIT: {
    message: '{where}: the script computed for more than {limit} without a pause',
    solve:
      'Look for an endless loop or an expensive string pattern; heavy work belongs into a command.',
    status: 422,
    exit: 1,
    fault: 'user',
  },
  RIVET_LUA_MEMORY_LIMIT: {
    message: '{where}: the script used more than {limit} of memory',
    solve: 'Keep large data in files and let commands work on them, or raise the limit.',
    status: 422,
    exit: 1,
    fault: 'user',
  },
  RIVET_LUA_CLOSED: {
    message: 'the Lua program was closed while it was needed',
    solve: 'This happens when a job is canceled or a program stops; start it again.',
    status: 500,
    exit: 1,
    fault: 'rivet',
  },
  RIVET_LUA_PROCESS: {
    message: 'the Lua process failed: {reason}',
    solve: 'Try again. When it happens again, check the memory of the machine and report it.',
    status: 500,
    exit: 1,
    fault: 'rivet',
  },
});
