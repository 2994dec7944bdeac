#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Gets what Talos nodes of the lab have beside Go programs: runc, iptables, mount and the like, as Debian packages unpacked
# into .cache/taloslab/debian. Needs root and Debian's apt. None of the packages is installed on this machine, but for mmdebstrap.
# What is there already is not fetched again.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

readonly tree=.cache/taloslab/debian
readonly packages=libc6,runc,iptables,nftables,containernetworking-plugins,ca-certificates,xfsprogs,e2fsprogs,libseccomp2,util-linux,mount,kmod,conntrack
# An archive that hiccups says nothing about the change.
readonly retries=Acquire::Retries=4
export DEBIAN_FRONTEND=noninteractive

[[ -e $tree/usr/sbin/runc ]] && exit

if ! command -v mmdebstrap >/dev/null; then
  apt-get -q -o "$retries" update
  apt-get -q -o "$retries" -o Dpkg::Use-Pty=0 install -y --no-install-recommends mmdebstrap
fi

# Of the release and from the archive that this machine uses itself.
release=$(. /etc/os-release && echo "$VERSION_CODENAME")
sources=/etc/apt/sources.list.d/debian.sources
[[ -e $sources ]] || sources=/etc/apt/sources.list

rm -rf "$tree.new"
mkdir -p "$(dirname "$tree")"
mmdebstrap --quiet --mode=root --variant=extract --aptopt="$retries" --include="$packages" "$release" "$tree.new" "$sources"
rm -rf "$tree"
mv "$tree.new" "$tree"
