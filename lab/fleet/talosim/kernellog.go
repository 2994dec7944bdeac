// SPDX-License-Identifier: Apache-2.0

package talosim

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"time"
)

// logToConsole sends the record of the kernel's log that holds the fingerprint of the maintenance certificate, in the
// form of Talos's JSON sender.
func (o *osRun) logToConsole(from netip.Addr, fingerprint string) {
	if o.KernelLog == nil {
		return
	}

	controller := "runtime.MaintenanceServiceInformController"
	if o.hasSmallMaintenance() {
		controller = "runtime.MaintenanceServiceController"
	}

	data, err := json.Marshal(map[string]any{
		"msg": fmt.Sprintf(`[talos] server certificate issued {"component": "controller-runtime", "controller": %q, "fingerprint": %q}`,
			controller, fingerprint),
		"talos-time": time.Now().Format(time.RFC3339Nano), "talos-level": "info",
		"facility": "user", "priority": "info", "seq": 812, "clock": 9312345,
	})
	if err != nil {
		return // strings always encode
	}

	o.KernelLog(from, data)
}
