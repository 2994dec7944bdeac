// SPDX-License-Identifier: Apache-2.0

package pxe

import (
	"net"
	"net/url"
	"strings"

	"github.com/cozystack/cozy-install/pxe/httpboot"
)

// Names and URLs that machines are told.

// scriptURL adds what the machine said, so that the answer needs no memory of it: the server may have been restarted
// between the two requests.
func scriptURL(base url.URL, f Facts, arch string) string {
	base.Path = httpboot.ScriptPath
	base.RawQuery = scriptQuery(f, arch)
	return base.String()
}

// scriptQuery is the query by which a machine's script request is told from others.
func scriptQuery(f Facts, arch string) string {
	query := "mac=" + f.MAC.String()
	if f.UUID != "" {
		query += "&uuid=" + f.UUID
	}
	return query + "&arch=" + arch
}

// machineDir is the part of a name that tells whose it is: 52-54-00-77-00-01.
func machineDir(mac net.HardwareAddr) string { return strings.ReplaceAll(mac.String(), ":", "-") }

func machineFile(mac net.HardwareAddr, name string) string { return machineDir(mac) + "/" + name }

func machineURL(base url.URL, mac net.HardwareAddr, name string) string {
	base.Path = "/" + machineFile(mac, name)
	return base.String()
}
