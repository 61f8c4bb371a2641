#!/bin/sh
# Sets this machine up for Rivet: npm packages, Node 24, Podman with what it needs, base images.
# Does only what is missing; the second run takes a moment. Works as root and, where nothing is
# missing from the system, as an ordinary user. With --tests also what only the tests need.
set -eu
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*"; }
fail() {
  printf 'setup: %s\n' "$*" >&2
  exit 1
}

need_node() {
  command -v node >/dev/null 2>&1 || fail "Node.js is missing. Install Node 20 or newer with npm (Debian: apt-get install nodejs npm), then run this again."
  major=$(node -p 'process.versions.node.split(".")[0]')
  [ "$major" -ge 20 ] || fail "Node $(node --version) is too old; Rivet needs Node 20 or newer to set itself up (it brings Node 24 along)."
  command -v npm >/dev/null 2>&1 || fail "npm is missing. Install it (Debian: apt-get install npm), then run this again."
}

# The lock file as of the last install is kept beside what it installed, so a changed lock file or an
# install that was interrupted is noticed.
install_packages() {
  stamp=node_modules/.rivet-lock
  if [ -f "$stamp" ] && cmp -s package-lock.json "$stamp"; then
    return
  fi
  say "installing npm packages (Node 24 among them)"
  # Not "npm ci": it insists on the optional packages of every other platform, which a registry that
  # mirrors only some of them does not have. This installs what the lock file says and leaves it alone.
  npm install --no-save --no-audit --no-fund --loglevel=error ||
    fail "npm install failed; its last lines above say why. Is the npm registry reachable?"
  cp package-lock.json "$stamp"
}

check_node_24() {
  version=$(node_modules/.bin/node --version 2>/dev/null || true)
  case "$version" in
    v24.*) ;;
    *) fail "Node 24 did not come with the npm packages (found: ${version:-none}). This platform ($(uname -sm)) needs Node 24 from nodejs.org in PATH." ;;
  esac
}

# Programs as few files, which start faster; everything runs from the sources too.
build_programs() {
  [ -w . ] || return 0
  node_modules/.bin/node scripts/build.ts --if-stale ||
    say "npm run build failed: its lines above say why. Rivet runs from its sources, and starts slower."
}

# Debian's packages: Podman, an OCI runtime that works on every cgroup layout, networks, rootless
# storage, and busybox for the base image.
SYSTEM_PACKAGES="podman runc crun uidmap slirp4netns fuse-overlayfs netavark aardvark-dns iptables busybox-static ca-certificates"
# For signed images, for pages in a real browser, for certificates, and psql for benchmarks.
TEST_PACKAGES="chromium gpg gpg-agent gpgconf openssl postgresql-client"

missing_packages() {
  for package in $wanted; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || printf '%s ' "$package"
  done
}

install_system() {
  if ! command -v dpkg-query >/dev/null 2>&1; then
    command -v podman >/dev/null 2>&1 || fail "Podman is missing. Install Podman 4.3 or newer with your system's package manager, then run this again."
    return
  fi
  missing=$(missing_packages)
  [ -n "$missing" ] || return 0
  if [ "$(id -u)" = 0 ]; then
    run_as_root=""
  elif sudo -n true 2>/dev/null; then
    run_as_root="sudo"
  elif command -v podman >/dev/null 2>&1; then
    say "not installed and not needed right now: $missing"
    return 0
  else
    fail "missing system packages: ${missing}
       Ask an administrator to run:  apt-get install --no-install-recommends $missing"
  fi
  say "installing system packages: $missing"
  log=$(mktemp)
  if ! { $run_as_root apt-get update && DEBIAN_FRONTEND=noninteractive $run_as_root apt-get install -y --no-install-recommends $missing; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    rm -f "$log"
    fail "apt-get could not install: $missing"
  fi
  rm -f "$log"
}

wanted=$SYSTEM_PACKAGES
[ "${1:-}" = --tests ] && wanted="$wanted $TEST_PACKAGES"

need_node
install_packages
check_node_24
install_system
build_programs
sh scripts/base-images.sh
if [ "${1:-}" = --tests ]; then
  sh scripts/plugin-image.sh
  sh scripts/test-programs.sh
fi
