// SPDX-License-Identifier: Apache-2.0

// Package load says how busy the machine is that measures.
package load

import (
	"os"
	"strings"
)

// Average is the load average of the last 1, 5 and 15 minutes, such as "0.50 1.20 1.00"; "unknown" where the kernel does not tell.
func Average() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}

	return strings.Join(strings.Fields(string(text))[:3], " ")
}
