// SPDX-License-Identifier: Apache-2.0

package rom

import (
	"encoding/hex"
	"net"
	"net/url"
	"strings"
)

// expand replaces ${setting} and ${setting:format} in each word; an unset setting is empty, as in iPXE.
func (r *interpreter) expand(words []string) []string {
	expanded := make([]string, len(words))

	for i, word := range words {
		for {
			before, rest, found := strings.Cut(word, "${")
			name, after, closed := strings.Cut(rest, "}")

			if !found || !closed {
				expanded[i] += word

				break
			}

			expanded[i] += before + r.value(name) // what comes from the network is not expanded again
			word = after
		}
	}

	return expanded
}

// value is a setting in one of iPXE's formats: "52:54:00:77:00:01" as hexhyp is 52-54-00-77-00-01, as hexraw
// 525400770001; uristring escapes for a URL.
func (r *interpreter) value(name string) string {
	name, format, _ := strings.Cut(name, ":")
	value := r.vars[name]

	switch format {
	case "hexhyp":
		return strings.ReplaceAll(value, ":", "-")
	case "hexraw":
		if mac, err := net.ParseMAC(value); err == nil {
			return hex.EncodeToString(mac)
		}

		return strings.ReplaceAll(value, "-", "")
	case "uristring":
		return url.QueryEscape(value)
	default:
		return value
	}
}

// options cuts the leading options off a command's words. Only --name (or -n) has a value that matters here.
func options(args []string) (name string, rest []string) {
	valued := map[string]bool{"--name": true, "-n": true, "--timeout": true, "-t": true}

	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		flag, value, joined := strings.Cut(args[0], "=")
		args = args[1:]

		if valued[flag] && !joined && len(args) > 0 {
			value, args = args[0], args[1:]
		}

		if flag == "--name" || flag == "-n" {
			name = value
		}
	}

	return name, args
}

func argument(args []string, i int) string {
	if i < len(args) {
		return args[i]
	}

	return ""
}

func truth(yes bool) error {
	if yes {
		return nil
	}

	return errFalse
}
