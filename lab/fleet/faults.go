// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/cozystack/cozy-install/lab/fleet/rom"
	"github.com/cozystack/cozy-install/lab/fleet/talosim"
)

// attemptPause is how long a system waits between two rounds of asking for an address.
const attemptPause = 5 * time.Second

// Fault is something ordered to go wrong at one machine.
type Fault func(*orders)

// Order makes things go wrong at a machine, once for faults of single calls and packets, else until Clear.
func (f *Fleet) Order(name string, faults ...Fault) error {
	return f.each([]string{name}, func(m *machine) {
		m.orders.mu.Lock()
		defer m.orders.mu.Unlock()

		for _, fault := range faults {
			fault(m.orders)
		}
	})
}

// Clear takes back everything that was ordered at a machine and has not happened yet.
func (f *Fleet) Clear(name string) error {
	return f.each([]string{name}, func(m *machine) {
		m.orders.mu.Lock()
		defer m.orders.mu.Unlock()

		m.orders.lost, m.orders.calls, m.orders.hang, m.orders.behind = nil, nil, nil, false
		m.orders.ailing = talosim.Ailments{}
		m.orders.hidden, m.orders.tears, m.orders.starts = nil, false, ""
	})
}

// DropDHCP loses the next n DHCP packets that the machine would receive.
func DropDHCP(n int) Fault { return dropping(rom.DHCP, n) }

// DropTFTP loses the next n TFTP packets that the machine would receive.
func DropTFTP(n int) Fault { return dropping(rom.TFTP, n) }

func dropping(protocol string, n int) Fault {
	return func(o *orders) {
		if o.lost == nil {
			o.lost = map[string]int{}
		}

		o.lost[protocol] += n
	}
}

// Refuse answers the next call of a method of the Talos API (Bootstrap, Version, Get, ...) with a code.
func Refuse(method string, code codes.Code, text string) Fault {
	return calling(method, talosim.Fault{Refuse: status.Error(code, text)})
}

// AnswerLate delays the next call of a method by a time on the fleet's clock.
func AnswerLate(method string, by time.Duration) Fault {
	return calling(method, talosim.Fault{Delay: by})
}

// LoseAnswer carries the next call of a method out and loses the answer.
func LoseAnswer(method string) Fault {
	return calling(method, talosim.Fault{LoseAnswer: true})
}

// RollBack lets the next upgrade end with an image that does not come up: the machine goes back to the old one.
func RollBack() Fault { return calling("Upgrade", talosim.Fault{RollBack: true}) }

func calling(method string, fault talosim.Fault) Fault {
	return func(o *orders) {
		if o.calls == nil {
			o.calls = map[string][]talosim.Fault{}
		}

		o.calls[method] = append(o.calls[method], fault)
	}
}

// TimeNotSynced keeps the machine from finding a time server.
func TimeNotSynced() Fault { return func(o *orders) { o.behind = true } }

// HangAt stops the machine for good when it comes to a state; Clear and a power cycle wake it.
func HangAt(state State) Fault {
	return func(o *orders) {
		if o.hang == nil {
			o.hang = map[State]bool{}
		}

		o.hang[state] = true
	}
}

// NeverUp is a machine with power and a dead firmware.
func NeverUp() Fault { return HangAt(Netboot) }

// orders are the faults that a machine still has before it.
type orders struct {
	mu     sync.Mutex
	lost   map[string]int             // packets to lose, by protocol
	calls  map[string][]talosim.Fault // of the next calls, by method
	hang   map[State]bool
	behind bool
	ailing talosim.Ailments
	hidden []string // disks that the kernel does not find, by path
	tears  bool     // an installation that loses its power leaves half of it
	starts string   // the version of Talos that is started in place of what is served
}

func (o *orders) drop(protocol string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()

	if o.lost[protocol] <= 0 {
		return false
	}

	o.lost[protocol]--

	return true
}

// Call implements talosim.Faults.
func (o *orders) Call(method string) talosim.Fault {
	o.mu.Lock()
	defer o.mu.Unlock()

	waiting := o.calls[method]
	if len(waiting) == 0 {
		return talosim.Fault{}
	}

	o.calls[method] = waiting[1:]

	return waiting[0]
}

// TimeSynced implements talosim.Faults.
func (o *orders) TimeSynced() bool {
	o.mu.Lock()
	defer o.mu.Unlock()

	return !o.behind
}

func (o *orders) hangs(state State) bool {
	o.mu.Lock()
	defer o.mu.Unlock()

	return o.hang[state]
}
