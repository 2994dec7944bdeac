// SPDX-License-Identifier: Apache-2.0

package talos

import (
	"bytes"
	"encoding/json"
	"strings"
)

// maxLogLine is longer than any record of the kernel's log (LOG_LINE_MAX and its prefix in kernel/printk: 1 KiB) that
// was put into JSON.
const maxLogLine = 8 << 10

// ConsoleFingerprint finds, in one record of a node's kernel log as Talos sends it (talos.logging.kernel, JSON), the
// fingerprint that the node prints on its console in maintenance mode, in the form of [Answer.Fingerprint]. False: it is
// another record, or none. The record is:
//
//	{"msg": "[talos] server certificate issued {\"component\": \"controller-runtime\",
//	 \"controller\": \"runtime.MaintenanceServiceController\", \"fingerprint\": \"...\"}", ...}
//
// The controller is runtime.MaintenanceServiceInformController since Talos 1.13.
func ConsoleFingerprint(record []byte) (string, bool) {
	if len(record) > maxLogLine {
		return "", false
	}

	var line struct {
		Msg string `json:"msg"`
	}

	if json.Unmarshal(record, &line) != nil {
		return "", false
	}

	_, rest, found := strings.Cut(line.Msg, "server certificate issued")
	if !found {
		return "", false
	}

	var fields struct {
		Controller  string `json:"controller"`
		Fingerprint string `json:"fingerprint"`
	}

	if json.NewDecoder(bytes.NewReader([]byte(rest))).Decode(&fields) != nil ||
		!strings.HasPrefix(fields.Controller, "runtime.MaintenanceService") {
		return "", false
	}

	fingerprint, err := ParseFingerprint(fields.Fingerprint)

	return fingerprint, err == nil
}
