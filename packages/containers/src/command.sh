# How a process in a container becomes a command: read by the agent, and by slots, which run it.
#
# Usage: sh command DIRECTORY NAME FIFO SUPERVISOR OUTER INNER
#   waits at DIRECTORY/in/FIFO for the line NAME and becomes the program of NAME.request; 7 is its
#   status file, SUPERVISOR waits for its end, and OUTER and INNER start its relays
# Each slot reads all of this before it waits, so what only the agent needs is not here.

# Sets rivet_found to the file that the program $1 stands for; returns 126 or 127 like a shell.
rivet_find() {
  rivet_found=
  case $1 in
  */*)
    [ -e "$1" ] || return 127
    rivet_found=$1
    [ -f "$1" ] && [ -x "$1" ] || return 126
    return 0
    ;;
  '') return 127 ;;
  esac
  rivet_code=127
  rivet_ifs=$IFS
  IFS=:
  set -f
  for rivet_folder in ${PATH-/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin}; do
    [ -f "${rivet_folder:-.}/$1" ] || continue
    rivet_found=${rivet_folder:-.}/$1
    rivet_code=126
    [ -x "$rivet_found" ] || continue
    rivet_code=0
    break
  done
  set +f
  IFS=$rivet_ifs
  return $rivet_code
}

# Sets rivet_pid to the process id of the (sub)shell that calls it; $$ is that of the main shell.
# From a name, as a shell reads files of /proc byte by byte. Leaves the working directory at "/".
rivet_self() {
  cd -P /proc/self
  rivet_pid=${PWD##*/}
  cd /
}

# Whether the shell $1 has started its relay: its second child, or nobody is there any more, as the
# relay kills it. Who was killed has no directory, also while nobody has heard of its end.
rivet_has_relay() {
  [ -e "/proc/$1/cwd" ] || return 0
  rivet_child=
  read -r rivet_verb rivet_child <"/proc/$1/task/$1/children"
  [ "$rivet_child" != '' ]
}

# Waits until both relays are there, which rivet_outer and rivet_inner start. Ends the shell where
# one of these said that it could not, and where one asks again and again, as bash does for 15
# seconds.
rivet_await_relays() {
  rivet_round=0
  until rivet_has_relay "$rivet_outer" && rivet_has_relay "$rivet_inner"; do
    rivet_round=$((rivet_round + 1))
    [ $rivet_round = 100000 ] || continue
    echo lost >&7
    exit 137
  done 2>/dev/null
  while read -r rivet_verb; do
    [ "$rivet_verb" != lost ] || exit 137
  done </proc/self/fd/7
}

# Ends the shell as a shell would when the program $1 cannot be run.
rivet_require() {
  rivet_find "$1" && return
  rivet_code=$?
  if [ $rivet_code = 127 ]; then
    echo "
failed not-found" >&7
    printf 'rivet: %s: not found\n' "$1" >&2
  else
    echo "
failed not-executable" >&7
    printf 'rivet: %s: not executable\n' "$rivet_found" >&2
  fi
  exit $rivet_code
}

# Becomes the program, in a session of its own where the image has setsid.
rivet_become() {
  # Something in the container may have left half a line there.
  echo "
started $rivet_pid $rivet_supervisor" >&7
  exec 7>&-
  [ "$rivet_setsid" = '' ] || exec "$rivet_setsid" -- "$@"
  if [ "$rivet_applets" != '' ] && rivet_find "$1"; then
    shift
    exec "$rivet_found" "$@"
  fi
  exec "$@"
}

# Becomes the program of the request rivet_id; rivet_pid is the process id.
rivet_go() {
  . "$rivet_in/$rivet_id.request"
  if [ -f "$rivet_in/$rivet_id.stdin" ]; then
    exec <"$rivet_in/$rivet_id.stdin"
  else
    exec </dev/null
  fi
  cd "$rivet_cwd" 2>/dev/null || {
    echo "
failed cwd" >&7
    exit
  }
  rivet_environment
  rivet_program
}

[ $# = 6 ] || return 0

rivet_in=$1/in
rivet_id=$2
rivet_supervisor=$4
rivet_outer=$5
rivet_inner=$6
# It is in its own session already.
rivet_setsid=
# A signal to every process of the container is not meant for a command to come.
trap : HUP INT TERM
exec 3<>"$rivet_in/$3"
# Some builds of busybox run their own "ls" in the shell, whatever there is in the PATH.
PATH=/none command -v setsid >/dev/null && rivet_applets=yes || rivet_applets=
rivet_self
rivet_await_relays
echo "waiting $rivet_pid $rivet_supervisor" >&7
rivet_verb=
until [ "$rivet_verb" = "$rivet_id" ]; do read -r rivet_verb <&3; done
exec 3<&-
trap - HUP INT TERM
# Nobody would tell its end: not even its beginning is to be. One that was killed has no directory
# any more, also while nobody has heard of its end.
[ -e "/proc/$rivet_supervisor/cwd" ] || {
  echo "exit 137" >&7
  exit
}
rivet_go
