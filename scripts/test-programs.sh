#!/bin/sh
# Fetches the programs that tests run against: an image registry, nginx, pgbouncer, the reference Lua, the
# program that keeps containers without a shell, a clock that can be moved. They are
# unpacked below .setup/, not installed: a package of a server would start it on this machine.
set -eu
cd "$(dirname "$0")/.."

PACKAGES="docker-registry nginx lua5.3 catatonit pgbouncer libevent-2.1-7 libc-ares2 libfaketime"
TARGET=.setup/programs
STAMP=$TARGET/.packages

say() { printf 'test programs: %s\n' "$*"; }
fail() {
  printf 'test programs: %s\n' "$*" >&2
  exit 1
}

[ "$(cat "$STAMP" 2>/dev/null || true)" = "$PACKAGES" ] && exit 0
command -v apt-get >/dev/null 2>&1 && command -v dpkg-deb >/dev/null 2>&1 || {
  say "no apt-get here: install $PACKAGES yourself, or the tests that need them fail"
  exit 0
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# apt-get downloads as a user of its own when it runs as root.
chmod 755 "$work"
mkdir "$work/debs" "$work/root"
chmod 777 "$work/debs"

# Word splitting is meant: a list of packages.
# shellcheck disable=SC2086
download() { (cd "$work/debs" && apt-get download -qq $PACKAGES >"$work/apt.log" 2>&1); }
download || { [ "$(id -u)" = 0 ] && apt-get update >/dev/null 2>&1 && download; } || {
  tail -n 5 "$work/apt.log" >&2
  fail "apt-get could not download $PACKAGES. When the package lists are old, run (as root): apt-get update"
}
for deb in "$work"/debs/*.deb; do dpkg-deb -x "$deb" "$work/root"; done
printf '%s' "$PACKAGES" >"$work/root/.packages"
rm -rf "$TARGET"
mkdir -p "$(dirname "$TARGET")"
mv "$work/root" "$TARGET"
say "unpacked $PACKAGES"
