// What the first process of a container owes the others: it passes signals on and reaps orphans.
// Node can do neither for processes that it did not start itself, so a shell takes its place.
import { accessSync, constants } from 'node:fs';

const SHELL = '/bin/sh';

/**
 * Runs "$@" as its child and ends with its exit code, 128 + n when signal n ended it. While a shell
 * waits it reaps whatever ends, also what it never started.
 */
export const INIT_SCRIPT = `
program= asked=
pass() {
  asked=$1
  [ -z "$program" ] || kill -s "$1" "$program"
}
for name in TERM HUP USR1 USR2; do trap "pass $name" "$name"; done
# A terminal has told the program already: both are in its foreground.
for name in INT QUIT; do
  if [ -t 0 ]; then trap : "$name"; else trap "pass $name" "$name"; fi
done
# Standard input, output and error are the program's alone: whoever reads from it sees its end, and
# shells that remark on signals are not heard.
exec 3<&0 4>&1 5>&2 </dev/null >/dev/null 2>&1
"$@" <&3 >&4 2>&5 3<&- 4>&- 5>&- &
program=$!
exec 3<&- 4>&- 5>&-
[ -z "$asked" ] || kill -s "$asked" "$program"
until
  wait "$program"
  code=$?
  ! kill -0 "$program"
do :; done
# Where a signal ended the wait while the program itself ended: some shells have kept its code.
wait "$program"
kept=$?
[ "$kept" -eq 127 ] || code=$kept
exit "$code"
`;

/**
 * Where this process is the first one of a container, replaces it by a shell that does the duties
 * of that place and starts the same program again as its child. Elsewhere it does nothing. To be
 * called before anything is opened or loaded: signals that come earlier are lost, as the kernel
 * spares the first process those that it does not listen to.
 */
export function runUnderInit(): void {
  if (process.pid !== 1) return;
  if (process.execve === undefined || !isExecutable(SHELL)) {
    process.stderr.write(
      `warning: this is the first process of a container and there is no ${SHELL} to reap what others leave; start it under an init, such as with --init\n`,
    );
    return;
  }
  const self = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  // Paths are parameters of the script, never part of it.
  process.execve(SHELL, [SHELL, '-c', INIT_SCRIPT, 'rivet-init', ...self], process.env);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
