// SPDX-License-Identifier: Apache-2.0

package phase

import "strings"

// Item is one of several things that a phase works on side by side, such as a package. Its JSON keys are a public contract.
type Item struct {
	Name string `json:"name"`
	// State is a word of the phase's own.
	State string `json:"state"`
	// Is says how far it is in words that all phases share: Waiting for others, Started, Failed, Skipped or Done.
	Is State `json:"-"`
	// Message is what it waits for, or what went wrong. May be empty.
	Message string `json:"message,omitempty"`
	// Object is the part of it that is to blame, and Event the newest warning about that. Empty: unknown, or none.
	Object string `json:"object,omitempty"`
	Event  string `json:"event,omitempty"`
}

// Tell reports one item's new state inside a running phase. Items that are told first come first where they are shown.
type Tell func(Item)

// Why is what keeps the item from being done, the closest cause first. Empty: nothing is known.
func (i Item) Why() string {
	var parts []string
	for _, part := range []string{i.Object, i.Event, i.Message} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, ": ")
}

func (i Item) String() string {
	text := i.Name + " is " + i.State
	if why := i.Why(); why != "" {
		text += ": " + why
	}
	return text
}
