// SPDX-License-Identifier: Apache-2.0

package site

import (
	"errors"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/Masterminds/semver/v3"
	"github.com/dustin/go-humanize"
	"github.com/google/uuid"
)

// Rules about one value, without knowledge of where it stands.

// dnsLabel reports whether text is a DNS label as Kubernetes wants them (RFC 1123): a-z, 0-9 and -, 1 to 63 characters.
func dnsLabel(text string) bool {
	return len(text) >= 1 && len(text) <= 63 && madeOf(text, "-") && text[0] != '-' && text[len(text)-1] != '-'
}

// madeOf reports whether text holds only a-z, 0-9 and the given ASCII characters.
func madeOf(text, others string) bool {
	for i := range len(text) {
		c := text[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && strings.IndexByte(others, c) < 0 {
			return false
		}
	}
	return true
}

// dnsName reports whether text is a name of one or more lower-case labels, at most 253 characters, that can't be taken
// for an IP address: its last label is not a number (RFC 1123, 2.1).
func dnsName(text string) bool {
	labels := strings.Split(text, ".")
	for _, label := range labels {
		if !dnsLabel(label) {
			return false
		}
	}
	_, err := strconv.ParseUint(labels[len(labels)-1], 10, 64)
	return err != nil && len(text) <= 253
}

// hostName reports whether text is a DNS name or an IP address.
func hostName(text string) bool {
	_, err := netip.ParseAddr(text)
	return err == nil || dnsName(text)
}

// hostPort reports whether text is a host, with or without a port.
func hostPort(text string) bool {
	host, port, ok := strings.Cut(text, ":")
	if !ok {
		return hostName(text)
	}
	number, err := strconv.ParseUint(port, 10, 16)
	return err == nil && number > 0 && dnsName(host) || isAddrPort(text)
}

func isAddrPort(text string) bool {
	at, err := netip.ParseAddrPort(text)
	return err == nil && at.Port() > 0
}

// checkURL says what keeps text from being a URL of one of the schemes: "" if nothing does.
func checkURL(text string, schemes ...string) string {
	parsed, err := url.Parse(text)
	switch {
	case err != nil || parsed.Host == "" || !slices.Contains(schemes, parsed.Scheme):
		return "not a URL that starts with " + strings.Join(schemes, ":// or ") + "://"
	case parsed.User != nil:
		return "a URL with credentials in it"
	case parsed.RawQuery != "" || parsed.Fragment != "":
		return "a URL with a query or a fragment"
	case !hostPort(parsed.Host):
		return "a URL whose host is neither a DNS name nor an address"
	}
	return ""
}

// version reports whether text is v<major>.<minor>.<patch>, with a pre-release such as -beta.1 or without.
func version(text string) bool {
	numbers, ok := strings.CutPrefix(text, "v")
	_, err := semver.StrictNewVersion(numbers)
	return ok && err == nil
}

// machineUUID reports whether text is a UUID in its usual form that tells machines apart: firmware that was never given
// one reports all zeros or all ones.
func machineUUID(text string) bool {
	parsed, err := uuid.Parse(text)
	return err == nil && len(text) == 36 && parsed != uuid.Nil && parsed != uuid.Max
}

// diskSize reports whether text compares a size, as in ">= 100GB": one of <, <=, ==, >= and > (none means ==), then a
// number with a unit.
func diskSize(text string) bool {
	size := strings.TrimLeft(text, "<>=")
	operator := strings.TrimSuffix(text, size)
	bytes, err := humanize.ParseBytes(strings.TrimSpace(size))
	return slices.Contains([]string{"", "<", "<=", "==", ">=", ">"}, operator) && err == nil && bytes > 0 && strings.HasSuffix(size, "B")
}

// glob reports whether text is a pattern that path.Match understands.
func glob(text string) bool {
	_, err := path.Match(text, "")
	return err == nil
}

// Range reads a range of addresses as network.loadBalancer and netboot.pool have it: "first-last", or a prefix.
func Range(text string) (first, last netip.Addr, err error) { return addresses(text) }

// addresses parses a range: "first-last" or a prefix.
func addresses(text string) (first, last netip.Addr, err error) {
	if prefix, err := netip.ParsePrefix(text); err == nil {
		return prefix.Masked().Addr(), lastOf(prefix), nil
	}
	from, to, ok := strings.Cut(text, "-")
	if !ok {
		return first, last, errors.New(`neither "first-last" nor a network`)
	}
	first, errFirst := netip.ParseAddr(strings.TrimSpace(from))
	last, errLast := netip.ParseAddr(strings.TrimSpace(to))
	switch {
	case errFirst != nil || errLast != nil:
		return first, last, errors.New("not two IP addresses")
	case last.Less(first):
		return first, last, errors.New("a range whose last address comes before its first")
	}
	return first, last, nil
}

// lastOf returns the last address of a prefix.
func lastOf(prefix netip.Prefix) netip.Addr {
	bytes := prefix.Masked().Addr().AsSlice()
	for bit := prefix.Bits(); bit < len(bytes)*8; bit++ {
		bytes[bit/8] |= 0x80 >> (bit % 8)
	}
	last, _ := netip.AddrFromSlice(bytes)
	return last
}
