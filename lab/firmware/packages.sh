#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Gets what the firmware level runs. Usage: packages.sh [install] [files] [arm64]
#
#   install  Debian packages of this machine: QEMU, firmware images, dnsmasq. Needs root.
#   files    what is only read, into .cache/firmware: kernels, the UKI's stub, both generations of iPXE.
#   arm64    the same for the arm64 cases as well.
#
# The files come through an apt root of their own, because they are of another architecture or release. This machine's
# sources, architectures and dpkg database stay as they are. What is there already is not fetched again.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

readonly cache=.cache/firmware
readonly old=bookworm new=trixie
# An archive that hiccups says nothing about the change.
readonly apt=(apt-get -q -o Acquire::Retries=4 -o Dpkg::Use-Pty=0)
export DEBIAN_FRONTEND=noninteractive

has() {
  local want=$1 word
  shift
  for word in "$@"; do [[ $word == "$want" ]] && return; done
  return 1
}

install_packages() {
  local packages=(qemu-system-x86 ovmf dnsmasq-base sbsigntool openssl)
  if has arm64 "$@"; then packages+=(qemu-system-arm qemu-efi-aarch64); fi
  local missing=() package
  for package in "${packages[@]}"; do
    dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package")
  done
  ((${#missing[@]} == 0)) && return
  "${apt[@]}" update
  "${apt[@]}" install -y --no-install-recommends "${missing[@]}"
}

# sources SUITE: this machine's Debian archive, for one release, as lines of sources.list.
sources() {
  local deb822=/etc/apt/sources.list.d/debian.sources
  if [[ -f $deb822 ]]; then
    # The first stanza that is not of the security archive, whose releases have other names.
    awk -v suite="$1" 'BEGIN { RS = "" } !/security/ && match($0, /(^|\n)URIs: *[^ \n]+/) {
      uri = substr($0, RSTART, RLENGTH); sub(/.*URIs: */, "", uri); print "deb", uri, suite, "main"; exit
    }' $deb822
  elif [[ -f /etc/apt/sources.list ]]; then
    sed -n -E "/security/d; s/^deb +(\[[^]]*\] +)?([^ ]+) +$old +.*/deb \2 $1 main/p" /etc/apt/sources.list | head -1
  fi
}

# prepare SUITE: an apt root of its own that knows one release and both architectures.
prepare() {
  local suite=$1 root=$PWD/$cache/apt/$1
  [[ -e $root/updated ]] && return
  mkdir -p "$root"/{etc,state/lists/partial,cache/archives/partial}
  touch "$root/state/status"
  cat >"$root/apt.conf" <<CONF
Dir::State "$root/state";
Dir::State::status "$root/state/status";
Dir::Cache "$root/cache";
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "$root/etc";
APT::Architecture "amd64";
APT::Architectures { "amd64"; "arm64"; };
Acquire::Languages "none";
APT::Sandbox::User "root";
CONF
  sources "$suite" >"$root/etc/debian.list"
  [[ -s $root/etc/debian.list ]] || {
    echo "no Debian archive in /etc/apt: docs/lab.md says which files $cache needs" >&2
    return 1
  }
  APT_CONFIG=$root/apt.conf "${apt[@]}" update
  touch "$root/updated"
}

# unpack SUITE PACKAGE DIR: a package's files.
unpack() {
  local suite=$1 package=$2 dir=$3 root=$PWD/$cache/apt/$1
  prepare "$suite"
  mkdir -p "$dir"
  (cd "$dir" && APT_CONFIG=$root/apt.conf "${apt[@]}" download "$package")
  dpkg-deb -x "$dir"/*.deb "$dir"
  rm "$dir"/*.deb
}

# kernel_package ARCH: the package that the newest cloud kernel is in.
kernel_package() {
  prepare "$old"
  APT_CONFIG=$PWD/$cache/apt/$old/apt.conf apt-cache show "linux-image-cloud-$1:$1" |
    sed -n -E "s/^Depends: (linux-image-[0-9][^ ,]*).*/\1:$1/p" | head -1
}

fetch_arch() {
  local arch=$1 stub=$2 tmp
  tmp=$(mktemp -d "$cache/tmp.XXXXXX")
  if [[ ! -e $cache/kernel-$arch ]]; then
    unpack "$old" "$(kernel_package "$arch")" "$tmp/kernel"
    mv "$tmp"/kernel/boot/vmlinuz-* "$cache/kernel-$arch"
  fi
  if [[ ! -e $cache/$stub ]]; then
    unpack "$old" "systemd-boot-efi:$arch" "$tmp/stub"
    mv "$tmp/stub/usr/lib/systemd/boot/efi/$stub" "$cache/$stub"
  fi
  rm -r "$tmp"
}

# fetch_ipxe SUITE: one generation of iPXE, with the links into /boot made files.
fetch_ipxe() {
  local suite=$1 tmp
  [[ -e $cache/ipxe-$suite ]] && return
  tmp=$(mktemp -d "$cache/tmp.XXXXXX")
  unpack "$suite" ipxe "$tmp"
  mkdir "$tmp/files"
  cp "$tmp"/boot/*.efi "$tmp/files/" 2>/dev/null || true
  find "$tmp/usr/lib/ipxe" -maxdepth 1 -type f -exec cp {} "$tmp/files/" \;
  mv "$tmp/files" "$cache/ipxe-$suite"
  rm -r "$tmp"
}

fetch_files() {
  mkdir -p "$cache"
  fetch_ipxe "$old"
  fetch_ipxe "$new"
  fetch_arch amd64 linuxx64.efi.stub
  if has arm64 "$@"; then fetch_arch arm64 linuxaa64.efi.stub; fi
}

if has install "$@"; then install_packages "$@"; fi
if has files "$@"; then fetch_files "$@"; fi
