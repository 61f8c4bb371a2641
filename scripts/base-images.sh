#!/bin/sh
# Makes the images that Rivet's examples and tests use, from packages of this machine's distribution:
# no image registry is needed. Does nothing, quickly, when they are there and up to date.
#
#   localhost/rivet/base:latest        a shell and the usual small tools (busybox)
#   localhost/rivet/toolchain:latest   base with a C compiler (tcc), its library and make
#   localhost/rivet/entrypoint:latest  base with an entrypoint that refuses to run anything
#
# Works as root and as an ordinary user with rootless Podman; the two have images of their own.
set -eu

BASE=localhost/rivet/base:latest
TOOLCHAIN=localhost/rivet/toolchain:latest
ENTRYPOINT=localhost/rivet/entrypoint:latest
TOOLCHAIN_PACKAGES="tcc make libc6 libc6-dev linux-libc-dev"
LABEL=dev.rivet.recipe

say() { printf 'base images: %s\n' "$*"; }
fail() {
  printf 'base images: %s\n' "$*" >&2
  exit 1
}

# Images carry the sum of this script, so that a changed recipe makes them again.
recipe=$(cksum <"$0" | cut -d ' ' -f 1)

is_current() {
  [ "$(podman image inspect --format "{{index .Labels \"$LABEL\"}}" "$@" 2>/dev/null | sort -u)" = "$recipe" ]
}

# Debian packages into $work, as files; needs no privilege.
download() {
  command -v apt-get >/dev/null 2>&1 && command -v dpkg-deb >/dev/null 2>&1 ||
    fail "needs $* from a Debian-like distribution, and this one has no apt-get. Build images with these names yourself (see docs/operating.md)."
  (cd "$work" && apt-get download -qq "$@" >"$work/apt.log" 2>&1) || {
    tail -n 5 "$work/apt.log" >&2
    fail "apt-get could not download $*. When its package lists are missing, run (as root): apt-get update"
  }
}

# ldd fails for a static program, or says that it is one.
is_static() {
  command -v ldd >/dev/null 2>&1 || return 1
  libraries=$(ldd "$1" 2>/dev/null) || return 0
  case $libraries in *'statically linked'*) return 0 ;; esac
  return 1
}

# A static busybox: the one that is installed, or the one from its package.
find_busybox() {
  for candidate in "$(command -v busybox || true)" /bin/busybox /usr/bin/busybox; do
    if [ -x "$candidate" ] && is_static "$candidate"; then
      busybox=$candidate
      return
    fi
  done
  say "taking busybox from the package busybox-static"
  download busybox-static
  dpkg-deb -x "$work"/busybox-static_*.deb "$work/busybox"
  busybox=$(find "$work/busybox" -type f -path '*bin/busybox' | head -n 1)
  "$busybox" true || fail "the busybox of the package busybox-static does not run on this machine."
}

make_base() {
  root=$1
  mkdir -p "$root/usr/bin" "$root/usr/sbin" "$root/usr/lib" "$root/usr/lib64" "$root/etc" \
    "$root/dev" "$root/proc" "$root/sys" "$root/run" "$root/root" "$root/home/builder" \
    "$root/var/tmp" "$root/workspace"
  for name in bin sbin lib lib64; do ln -s "usr/$name" "$root/$name"; done
  mkdir -m 1777 "$root/tmp"
  chmod 1777 "$root/var/tmp" "$root/workspace"
  chmod 777 "$root/home/builder"
  cp "$busybox" "$root/usr/bin/busybox"
  for applet in $("$busybox" --list); do
    [ "$applet" = busybox ] || ln -s busybox "$root/usr/bin/$applet"
  done
  printf '%s\n' 'root:x:0:0:root:/root:/bin/sh' 'builder:x:1000:1000:builder:/home/builder:/bin/sh' \
    'nobody:x:65534:65534:nobody:/:/bin/false' >"$root/etc/passwd"
  printf '%s\n' 'root:x:0:' 'builder:x:1000:' 'nogroup:x:65534:' >"$root/etc/group"
}

add_toolchain() {
  root=$1
  # Word splitting is meant: a list of packages.
  # shellcheck disable=SC2086
  download $TOOLCHAIN_PACKAGES
  for package in $TOOLCHAIN_PACKAGES; do
    rm -rf "$work/unpacked"
    dpkg-deb -x "$work/${package}"_*.deb "$work/unpacked"
    # /lib and the like are links into /usr here, directories in some packages.
    for name in bin sbin lib lib64; do
      [ -d "$work/unpacked/$name" ] || continue
      cp -a "$work/unpacked/$name/." "$root/usr/$name/"
      rm -rf "${work:?}/unpacked/$name"
    done
    cp -a "$work/unpacked/usr/." "$root/usr/"
  done
  rm -rf "$root/usr/share"
  ln -sf tcc "$root/usr/bin/cc"
}

# Imports a directory as the image $2, owned by root whoever made it. Further arguments: --change ….
import() {
  root=$1
  image=$2
  shift 2
  tar -C "$root" --sort=name --owner=0 --group=0 --numeric-owner -cf "$work/image.tar" .
  podman import --quiet --change "LABEL $LABEL=$recipe" --change "CMD [\"/bin/sh\"]" "$@" \
    "$work/image.tar" "$image" >/dev/null 2>"$work/podman.log" || {
    tail -n 5 "$work/podman.log" >&2
    fail "podman could not import $image; 'podman info' shows whether Podman works for this user."
  }
  say "made $image"
}

command -v podman >/dev/null 2>&1 || fail "Podman is missing. Install it (Debian: apt-get install podman), then run this again."
is_current "$BASE" "$TOOLCHAIN" "$ENTRYPOINT" && exit 0

work=$(mktemp -d)
trap 'chmod -R u+rwX "$work"; rm -rf "$work"' EXIT
# apt-get downloads as a user of its own when it runs as root.
chmod 755 "$work"

find_busybox
make_base "$work/base"
import "$work/base" "$BASE"
cp -a "$work/base" "$work/entrypoint"
printf '%s\n' '#!/bin/sh' 'echo "the entrypoint of the image ran" >&2' 'exit 1' >"$work/entrypoint/usr/bin/refuse"
chmod 755 "$work/entrypoint/usr/bin/refuse"
import "$work/entrypoint" "$ENTRYPOINT" --change 'ENTRYPOINT ["/bin/refuse"]'
add_toolchain "$work/base"
import "$work/base" "$TOOLCHAIN"
