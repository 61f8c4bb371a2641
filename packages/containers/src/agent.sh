# Rivet's agent: the main process of every container. It starts commands that the runner asks for.
#
# Usage: sh agent DIRECTORY [SHELL]
#   DIRECTORY/in   read-only: this file, "command", the FIFOs "requests", "slot0" and "slot1",
#                  NAME.request, NAME.stdin and NAME.next
#   DIRECTORY/out  "agent" (says "ready", or "ready slots"), and for each command NAME.stdout,
#                  NAME.stderr and NAME.status, all made by the runner beforehand
# Requests are lines: "run NAME MARK", "slot NAME MARK FIFO", "signal PID SIGNAL", "check NAME PID".
# A slot is a command whose processes are there already: its shell, in a session of its own, waits
# for its name in its FIFO, and then becomes the program of NAME.request.
# A status file gets lines: "taken", "waiting PID SUPERVISOR", "started PID SUPERVISOR",
# "failed cwd|not-found|not-executable", "next NAME", "exit CODE", "lost". What was said first of the
# last two counts. After the exit each output file ends with MARK: what comes later was written by
# processes that outlived their command.
#
# Where a command ends with exit code 0 and there is a NAME.next, the slot that this names begins at
# once. Its name is said before the exit code, and before the slot is told: so whoever hears of an
# exit without it knows that nobody was.
#
# Where a shell is refused a process it ends, wherever it is, and says "lost" by its EXIT trap. What
# is to become a command waits for both relays before it says more than "waiting": so "lost" without
# "started" means that nothing of a command ran, and that nothing will.
#
# It uses shell builtins, and cat and setsid where the image has them. Its variables start with
# rivet_ because an assignment to a variable of the environment would change it for the commands.
#
# Nothing here is started with "&": without job control a shell lets such processes ignore SIGINT,
# and what they start would inherit that. To leave a process running, its parent is killed instead.

rivet_directory=$1
rivet_in=$1/in
rivet_out=$1/out

. "$rivet_in/command"

# Supervises one command: 8 and 9 are pipes to its output files, 7 is its status file.
rivet_supervise() {
  # A signal to every process of the container must not end it before its command.
  trap : HUP INT TERM
  trap 'echo lost >&7' EXIT
  rivet_self
  rivet_supervisor=$rivet_pid
  (
    exec >&8 2>&9 4>&- 5>&- 8>&- 9>&-
    [ "$rivet_fifo" = '' ] || exec "$rivet_setsid" -- "$rivet_shell" "$rivet_in/command" \
      "$rivet_directory" "$rivet_id" "$rivet_fifo" "$rivet_supervisor" \
      "$rivet_outer" "$rivet_inner"
    rivet_self
    rivet_await_relays
    rivet_go
  )
  rivet_code=$?
  rivet_next=
  # Found once it stays until the exit code was heard of.
  [ $rivet_code != 0 ] || [ ! -f "$rivet_in/$rivet_id.next" ] || . "$rivet_in/$rivet_id.next"
  # The command may have left half a line there.
  if [ "$rivet_next" = '' ]; then
    printf "\nexit $rivet_code\n" >&7
  else
    printf "\nnext $rivet_next\nexit 0\n" >&7
    printf "\n$rivet_next\n" 1<>"$rivet_in/$rivet_fifo"
  fi
  trap - EXIT
  printf "$rivet_mark" >&8
  printf "$rivet_mark" >&9
}

# Copies a pipe to the output file that is its standard output, and kills the shell $1, which waits
# for the whole pipeline. A command must not have the file itself: "> /dev/stderr"
# would truncate it.
rivet_relay() {
  trap '' HUP INT TERM
  kill -9 "$1"
  exec 4>&- 5>&- 7>&- 8>&- 9>&-
  exec "$rivet_cat"
}

# Starts the command rivet_id, or its slot when there is a rivet_fifo, and leaves it running; called
# in a subshell, which is killed.
rivet_run() {
  # Opened here, before the command runs: it may delete or replace them.
  exec 3<&- </dev/null 4>>"$rivet_out/$rivet_id.stdout" 5>>"$rivet_out/$rivet_id.stderr" \
    7>>"$rivet_out/$rivet_id.status"
  # Nobody gets as far as this trap but a shell that could not start what kills it.
  trap 'echo lost >&7' EXIT
  rivet_self
  rivet_outer=$rivet_pid
  rivet_inner=$rivet_pid
  if [ "$rivet_cat" = '' ]; then
    rivet_supervise 8>&4 9>&5 |
      kill -9 "$rivet_outer"
  fi
  {
    trap 'echo lost >&7' EXIT
    rivet_self
    rivet_inner=$rivet_pid
    { rivet_supervise; } 9>&1 >/dev/null |
      rivet_relay "$rivet_inner" >&5
  } 8>&1 | rivet_relay "$rivet_outer" >&4
}

# Sends the signal $2 to the command with the process $1: to its group and then to whatever else is
# of its session, or to its descendants where there are no sessions.
rivet_signal() {
  # Just after the start it has no group of its own yet.
  [ "$rivet_setsid" = '' ] || kill -s "$2" -- "-$1" || kill -s "$2" "$1"
  rivet_round=0
  rivet_targets=" $1 "
  # What was found may have started more in the meantime.
  while rivet_more= && [ $rivet_round -lt 16 ]; do
    rivet_round=$((rivet_round + 1))
    for rivet_file in /proc/[0-9]*/stat; do
      read -r rivet_line <"$rivet_file" || continue
      rivet_pid=${rivet_line%% *}
      case $rivet_targets in *" $rivet_pid "*) continue ;; esac
      # $3 state, $4 parent, $5 group, $6 session
      set -- "$1" "$2" ${rivet_line##*) }
      if [ "$rivet_setsid" = '' ]; then
        case $rivet_targets in *" $4 "*) ;; *) continue ;; esac
      else
        [ "$6" = "$1" ] && [ "$5" != "$1" ] || continue
        kill -s "$2" "$rivet_pid"
      fi
      rivet_targets="$rivet_targets$rivet_pid "
      rivet_more=yes
    done
    [ "$rivet_more" = yes ] || break
  done
  # Only now: the children of a process that ended are nobody's descendants.
  [ "$rivet_setsid" != '' ] || kill -s "$2" $rivet_targets
}

rivet_serve() {
  trap : HUP INT TERM
  # The runner makes it while the container starts.
  rivet_round=0
  until [ -p "$rivet_in/requests" ] || [ $rivet_round = 1000000 ]; do
    rivet_round=$((rivet_round + 1))
  done
  exec 3<>"$rivet_in/requests" || exit 3
  rivet_find cat && rivet_cat=$rivet_found || rivet_cat=
  rivet_find setsid && rivet_setsid=$rivet_found || rivet_setsid=
  # Slots need both: without a session of its own a command is no slot's.
  [ "$rivet_cat" != '' ] && [ "$rivet_setsid" != '' ] && rivet_verb='ready slots' || rivet_verb=ready
  echo "$rivet_verb" >>"$rivet_out/agent"
  trap 'echo lost >>"$rivet_out/$rivet_id.status"' EXIT
  while :; do
    rivet_fifo=
    read -r rivet_verb rivet_id rivet_mark rivet_fifo <&3 || continue
    case $rivet_id in '' | *[!A-Za-z0-9_.-]*) continue ;; esac
    case $rivet_verb in
    run)
      echo taken >>"$rivet_out/$rivet_id.status"
      (rivet_run)
      ;;
    slot) (rivet_run) ;;
    signal) rivet_signal "$rivet_id" "$rivet_mark" ;;
    check)
      kill -s CONT "$rivet_mark" || [ -d "/proc/$rivet_mark" ] ||
        echo lost >>"$rivet_out/$rivet_id.status"
      ;;
    esac
  done
}

rivet_applets=
rivet_shell=${2:-/bin/sh}

# The main shell reaps what loses its parent while it waits, and starts the server again when a
# command killed it.
while :; do
  (rivet_serve) 2>/dev/null
  [ $? != 3 ] || exit 3
done
