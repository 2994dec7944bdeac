#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs the servers that netbench compares ours with, where they are missing. None of them is started, now or at the
# next boot: netbench starts what it measures.
set -euo pipefail

missing=() services=()
command -v dnsmasq >/dev/null || missing+=(dnsmasq-base) # without the service that "dnsmasq" has
command -v in.tftpd >/dev/null || { missing+=(tftpd-hpa) && services+=(tftpd-hpa); }
command -v nginx >/dev/null || { missing+=(nginx-light) && services+=(nginx); }
((${#missing[@]})) || exit 0

if ! command -v apt-get >/dev/null; then
  echo "netboot-peers: install the equivalents of Debian's packages ${missing[*]} by hand" >&2
  exit 1
fi
# Debian asks this program whether a service may be started. It is there only while we install.
policy=/usr/sbin/policy-rc.d
if [[ ! -e $policy ]]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi
apt-get update -q
DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"
if ((${#services[@]})) && [[ -d /run/systemd/system ]]; then
  systemctl disable "${services[@]}"
fi
