// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
)

// drops counts the packets that the kernel threw away because a socket's buffer was full: those of the UDP sockets on one
// port of some addresses (the last column of /proc/net/udp). A machine that lost one waits for its next attempt.
func drops(port int, addresses ...netip.Addr) (int, error) {
	table, err := os.ReadFile("/proc/net/udp")
	if err != nil {
		return 0, err
	}

	var local []string

	for _, address := range addresses {
		four := address.As4() // in the table as the machine's integer: 127.0.0.1 is 0100007F
		slices.Reverse(four[:])
		local = append(local, fmt.Sprintf("%X:%04X", four[:], port))
	}

	sum := 0

	for line := range strings.Lines(string(table)) {
		words := strings.Fields(line)
		if len(words) < 3 || !slices.Contains(local, words[1]) {
			continue
		}

		dropped, err := strconv.Atoi(words[len(words)-1])
		if err != nil {
			return 0, fmt.Errorf("drops in %q: %w", line, err)
		}

		sum += dropped
	}

	return sum, nil
}
