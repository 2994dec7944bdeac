// SPDX-License-Identifier: Apache-2.0

// Package power switches machines on and off through their management controllers (BMC), and lets them boot from the
// network once: by Redfish, or by IPMI 2.0 over LAN.
//
// It does what it is told, once: which machine may be switched is its caller's decision. It keeps nothing, and a password
// is in none of its errors.
//
// Still missing: IPMI has been tried only against the server of its own library, and Redfish only against a simulated
// controller: no real hardware was there. Controllers that speak IPMI 1.5 or want a KG key are not supported.
package power

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode"
)

// timeout bounds a whole operation. Controllers are slow: some take ten seconds for one answer.
const timeout = 90 * time.Second

// BMC is a management controller and how to speak to it. It prints without its password.
type BMC struct {
	// Address is redfish+https://host, redfish+http://host or ipmi://host, each with a port where it is another one. A
	// path of a Redfish address names the system: /redfish/v1/Systems/1. Without one the controller must have one only.
	Address string
	// Username may be empty only for Redfish without login.
	Username string
	Password string
	// Fingerprint is the SHA-256 of the controller's certificate in hexadecimal, with or without colons, as openssl prints
	// it. Empty: the certificate must be signed by an authority that this host trusts.
	Fingerprint string
	// Legacy boots from the network as a BIOS does. IPMI only: with Redfish the firmware's own mode stays.
	Legacy bool
}

// String implements fmt.Stringer.
func (b BMC) String() string { return b.Address }

// GoString implements fmt.GoStringer.
func (b BMC) GoString() string { return b.Address }

// Format implements fmt.Formatter: no verb shows the password.
func (b BMC) Format(w fmt.State, _ rune) { _, _ = w.Write([]byte(b.Address)) }

// State is the power of a machine, in the controller's words: On, Off, PoweringOn ...
type State string

// The states that decisions are made on.
const (
	On  State = "On"
	Off State = "Off"
)

// controller is an open connection to a BMC.
type controller interface {
	status(ctx context.Context) (State, error)
	on(ctx context.Context) error
	off(ctx context.Context) error
	reset(ctx context.Context) error
	netboot(ctx context.Context) error
	close(ctx context.Context)
}

// Status asks for the power of the machine.
func Status(ctx context.Context, b BMC) (state State, err error) {
	err = b.do(ctx, "ask for the power state", func(ctx context.Context, c controller) error {
		state, err = c.status(ctx)
		return err
	})
	return state, err
}

// SwitchOn switches the machine on, with netboot so that it boots from the network this time. A machine that is on stays as
// it is: then nothing is done at all.
func SwitchOn(ctx context.Context, b BMC, netboot bool) error {
	return b.do(ctx, "switch on", func(ctx context.Context, c controller) error {
		state, err := c.status(ctx)
		if err != nil || state == On {
			return err
		}
		if netboot {
			if err := c.netboot(ctx); err != nil {
				return err
			}
		}
		return c.on(ctx)
	})
}

// SwitchOff cuts the power, as one who holds the button does. A machine that is off stays so.
func SwitchOff(ctx context.Context, b BMC) error {
	return b.do(ctx, "switch off", func(ctx context.Context, c controller) error {
		state, err := c.status(ctx)
		if err != nil || state == Off {
			return err
		}
		return c.off(ctx)
	})
}

// Cycle resets the machine, or switches it on if it is off; with netboot so that it boots from the network this time.
func Cycle(ctx context.Context, b BMC, netboot bool) error {
	return b.do(ctx, "power-cycle", func(ctx context.Context, c controller) error {
		state, err := c.status(ctx)
		if err != nil {
			return err
		}
		if netboot {
			if err := c.netboot(ctx); err != nil {
				return err
			}
		}
		if state == Off {
			return c.on(ctx)
		}
		return c.reset(ctx)
	})
}

func (b BMC) do(ctx context.Context, what string, work func(context.Context, controller) error) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	c, err := b.open(ctx)
	if err == nil {
		defer c.close(ctx)
		err = work(ctx, c)
	}
	if err != nil {
		return &Error{Op: what, Address: b.Address, Err: err, text: b.clean(err.Error())}
	}
	return nil
}

func (b BMC) open(ctx context.Context) (controller, error) {
	at, err := url.Parse(b.Address)
	if err != nil {
		return nil, errors.New("its address is no URL")
	}
	switch at.Scheme {
	case "redfish+https", "redfish+http":
		return openRedfish(ctx, b, at)
	case "ipmi":
		return openIPMI(ctx, b, at)
	}
	return nil, fmt.Errorf("%q: not one of redfish+https, redfish+http, ipmi", at.Scheme)
}

// maxText bounds what a controller can make us print.
const maxText = 1 << 10

// clean makes a text in which a controller's own words may be fit for a terminal, and takes the password out.
func (b BMC) clean(text string) string {
	if b.Password != "" {
		text = strings.ReplaceAll(text, b.Password, "(redacted)")
	}
	text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(text, "?"))
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "") + "..."
	}
	return text
}

// Error is the failure of one operation on one controller.
type Error struct {
	Op, Address string
	Err         error
	text        string
}

// Error implements error.
func (e *Error) Error() string { return fmt.Sprintf("%s by %s: %s", e.Op, e.Address, e.text) }

// Unwrap returns the cause. Its text may hold what the controller said: print the error itself.
func (e *Error) Unwrap() error { return e.Err }
