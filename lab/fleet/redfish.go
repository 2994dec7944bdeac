// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// Redfish paths of a controller's one system.
const (
	redfishRoot    = "/redfish/v1"
	redfishSystems = redfishRoot + "/Systems"
	redfishSystem  = redfishSystems + "/1"
	redfishReset   = redfishSystem + "/Actions/ComputerSystem.Reset"
)

// maxRedfish bounds the body of a request.
const maxRedfish = 64 << 10

// controller is the management controller of a machine, which has power of its own.
type controller struct {
	machine            *machine
	username, password string
}

// Controller gives the Redfish service of a machine's management controller, to be served over TLS: its power, its reset
// button, and from where it boots the next time. It wants a login by HTTP basic authentication, but for its root.
func (f *Fleet) Controller(name, username, password string) (http.Handler, error) {
	found, err := f.find(name)
	if err != nil {
		return nil, err
	}

	return &controller{machine: found[0], username: username, password: password}, nil
}

// ServeHTTP implements [http.Handler].
func (c *controller) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimSuffix(r.URL.Path, "/")
	username, password, _ := r.BasicAuth()

	switch {
	case path == redfishRoot:
		answer(w, map[string]any{"Systems": reference(redfishSystems)})
	case username != c.username || password != c.password:
		http.Error(w, "{}", http.StatusUnauthorized)
	case path == redfishSystems:
		answer(w, map[string]any{"Members": []any{reference(redfishSystem)}, "Members@odata.count": 1})
	case path == redfishSystem && r.Method == http.MethodPatch:
		c.order(w, r, c.bootNext)
	case path == redfishReset && r.Method == http.MethodPost:
		c.order(w, r, c.reset)
	case path == redfishSystem:
		answer(w, c.system())
	default:
		http.NotFound(w, r)
	}
}

func reference(path string) map[string]any { return map[string]any{"@odata.id": path} }

func answer(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value) //nolint:errchkjson // strings and lists only; a client that has gone away
}

// redfishOrder is what is asked of a system.
type redfishOrder struct {
	ResetType string
	Boot      struct{ BootSourceOverrideEnabled, BootSourceOverrideTarget string }
}

func (c *controller) order(w http.ResponseWriter, r *http.Request, carryOut func(redfishOrder) error) {
	var order redfishOrder

	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRedfish)).Decode(&order)
	if err == nil {
		err = carryOut(order)
	}

	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)

		return
	}

	w.WriteHeader(http.StatusNoContent)
}

// bootNext sets from where the machine boots the next time, once.
func (c *controller) bootNext(order redfishOrder) error {
	if order.Boot.BootSourceOverrideEnabled != "Once" || order.Boot.BootSourceOverrideTarget != "Pxe" {
		return fmt.Errorf("boot %+v: only Pxe, Once", order.Boot)
	}

	c.machine.record("controller", map[string]string{"order": "netboot"})
	c.machine.mu.Lock()
	defer c.machine.mu.Unlock()

	c.machine.netbootNext = true

	return nil
}

func (c *controller) reset(order redfishOrder) error {
	c.machine.record("controller", map[string]string{"order": order.ResetType})

	switch order.ResetType {
	case "On":
		c.machine.press(true)
	case "ForceOff":
		c.machine.press(false)
	case "ForceRestart":
		c.machine.reset()
	default:
		return fmt.Errorf("reset type %q", order.ResetType)
	}

	return nil
}

func (c *controller) system() map[string]any {
	c.machine.mu.Lock()
	defer c.machine.mu.Unlock()

	power := "Off"
	if c.machine.on {
		power = "On"
	}

	return map[string]any{
		"@odata.id": redfishSystem, "Id": "1", "PowerState": power,
		"Boot": map[string]any{"BootSourceOverrideTarget@Redfish.AllowableValues": []string{"None", "Pxe", "Hdd"}},
		"Actions": map[string]any{"#ComputerSystem.Reset": map[string]any{
			"target": redfishReset, "ResetType@Redfish.AllowableValues": []string{"On", "ForceOff", "ForceRestart"},
		}},
	}
}

// takeNetboot says whether the controller was told to boot from the network this time.
func (m *machine) takeNetboot() bool {
	m.mu.Lock()
	defer m.mu.Unlock()

	was := m.netbootNext
	m.netbootNext = false

	return was
}
