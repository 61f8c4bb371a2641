#!/bin/sh
# Makes the image that the tests of the shipped plugins run in, on top of the base image, from
# packages of this machine's distribution. Does nothing, quickly, when it is there and up to date.
#
#   localhost/rivet/plugins:latest   base with git, Python and zstd
set -eu

BASE=localhost/rivet/base:latest
IMAGE=localhost/rivet/plugins:latest
PACKAGES="git python3.11-minimal libpython3.11-stdlib zstd"
# What they depend on and the tests do not use: Perl and the tools of the package manager.
LEFT_OUT='^(perl.*|libperl.*|liberror-perl|git-man|dpkg|install-info|readline-common|mailcap|media-types|mime-support|libdb5\.3|libgdbm.*|gcc-.*-base|libtirpc.*|libnsl2|libmd0|tar)$'
LABEL=dev.rivet.recipe

say() { printf 'plugin image: %s\n' "$*"; }
fail() {
  printf 'plugin image: %s\n' "$*" >&2
  exit 1
}

command -v podman >/dev/null 2>&1 || fail "Podman is missing. Install it (Debian: apt-get install podman), then run this again."
recipe="$(podman image inspect --format '{{.Id}}' "$BASE" 2>/dev/null || true) $(cksum <"$0" | cut -d ' ' -f 1)"
[ "$(podman image inspect --format "{{index .Labels \"$LABEL\"}}" "$IMAGE" 2>/dev/null || true)" = "$recipe" ] && exit 0
case $recipe in ' '*) fail "the base image is missing; run: sh scripts/base-images.sh" ;; esac
command -v apt-get >/dev/null 2>&1 && command -v dpkg-deb >/dev/null 2>&1 ||
  fail "needs $PACKAGES from a Debian-like distribution, and this one has no apt-get. Build an image $IMAGE with git, python3 and zstd yourself."

work=$(mktemp -d)
trap 'chmod -R u+rwX "$work"; rm -rf "$work"' EXIT
# apt-get downloads as a user of its own when it runs as root.
chmod 755 "$work"
mkdir "$work/debs" "$work/root" "$work/unpacked"
chmod 755 "$work/debs"

# Word splitting is meant: lists of packages.
# shellcheck disable=SC2086
needed=$(apt-cache depends --recurse --important $PACKAGES 2>/dev/null | grep '^[a-z]' | sort -u | grep -Ev "$LEFT_OUT" || true)
[ -n "$needed" ] || fail "apt-cache knows none of $PACKAGES. When the package lists are missing, run (as root): apt-get update"
# shellcheck disable=SC2086
(cd "$work/debs" && apt-get download -qq $needed >"$work/apt.log" 2>&1) || {
  tail -n 5 "$work/apt.log" >&2
  fail "apt-get could not download the packages. When the package lists are old, run (as root): apt-get update"
}
for deb in "$work"/debs/*.deb; do dpkg-deb -x "$deb" "$work/unpacked"; done
mkdir -p "$work/root/usr"
# /lib and the like are links into /usr in the base image, directories in some packages.
for name in bin sbin lib lib64; do
  [ -d "$work/unpacked/$name" ] || continue
  mkdir -p "$work/root/usr/$name"
  cp -a "$work/unpacked/$name/." "$work/root/usr/$name/"
done
cp -a "$work/unpacked/usr/." "$work/root/usr/"
rm -rf "$work/root/usr/share"
ln -sf python3.11 "$work/root/usr/bin/python3"
tar -C "$work/root" --owner=0 --group=0 --numeric-owner -cf "$work/root.tar" usr
printf 'FROM %s\nADD root.tar /\nLABEL %s="%s"\n' "$BASE" "$LABEL" "$recipe" >"$work/Containerfile"
podman build --quiet --pull=never --network none -f "$work/Containerfile" -t "$IMAGE" "$work" >/dev/null 2>"$work/podman.log" || {
  tail -n 5 "$work/podman.log" >&2
  fail "podman could not build $IMAGE; 'podman info' shows whether Podman works for this user."
}
say "made $IMAGE"
