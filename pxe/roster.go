// SPDX-License-Identifier: Apache-2.0

package pxe

// roster is the site's machines, ready to be looked up: each packet asks, several times, and there may be a thousand.
type roster struct {
	byMAC   map[[6]byte]Machine
	macless []Machine
	// asksSerial is true when some machine can be told by nothing but its serial number.
	asksSerial bool
}

func newRoster(machines []Machine) roster {
	r := roster{byMAC: map[[6]byte]Machine{}}
	for _, m := range machines {
		if len(m.MACs) == 0 {
			r.macless = append(r.macless, m)
			r.asksSerial = r.asksSerial || m.UUID == "" && m.Serial != ""
		}
		for _, mac := range m.MACs {
			if _, isTaken := r.byMAC[[6]byte(mac)]; !isTaken { // the first holds; the site file refuses a second
				r.byMAC[[6]byte(mac)] = m
			}
		}
	}
	return r
}

// find returns the machine that sent facts: the one with its MAC, else the only one without MACs that has its UUID,
// else the only one without MACs that has its serial number. The zero Machine means a stranger.
//
// Mistaken, when not empty, says that the machine has the MAC and another UUID or serial number than the site file gives:
// it is not to be trusted, since the card may have moved.
func (r roster) find(facts Facts) (found Machine, mistaken string) {
	if len(facts.MAC) == 6 {
		if m, ok := r.byMAC[[6]byte(facts.MAC)]; ok {
			return m, m.differs(facts)
		}
	}
	if m, ok := r.only(func(m Machine) bool { return m.hasUUID(facts.UUID) }); ok {
		return m, ""
	}
	m, _ := r.only(func(m Machine) bool { return m.hasSerial(facts.Serial) })
	return m, ""
}

// named returns a machine without MACs by its name; the zero Machine when there is none.
func (r roster) named(name string) Machine {
	m, _ := r.only(func(m Machine) bool { return name != "" && m.Name == name })
	return m
}

// only returns the single machine without MACs that fits; two make neither.
func (r roster) only(fits func(Machine) bool) (Machine, bool) {
	var found Machine
	var count int
	for _, m := range r.macless {
		if fits(m) {
			found = m
			count++
		}
	}
	if count != 1 {
		return Machine{}, false
	}
	return found, true
}
