// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// State is where a package stands.
type State string

// The states of a package, in the order in which it goes through them.
const (
	StateAbsent     State = "absent"     // there is no release
	StateWaiting    State = "waiting"    // for packages it depends on
	StateInstalling State = "installing" // or upgrading, or becoming ready
	StateFailed     State = "failed"     // the last attempt; another one follows
	StateStalled    State = "stalled"    // failed, and nobody tries again
	StateReady      State = "ready"
	StatePresent    State = "present" // somebody else has installed it; it is used as it is
	StateRemoving   State = "removing"
	StateRemoved    State = "removed"
)

// PackageStatus is one package's state, and in words for people why.
type PackageStatus struct {
	Name    string
	State   State
	Message string // of the last attempt, or what is waited for; may be empty
	// Object is the first of the package's objects that is not ready, and Warning the newest one about it. Zero: none is
	// known; always so for a package that is ready, or was not begun.
	Object  FailingObject
	Warning Warning
}

// why is what keeps the package from being ready, the closest cause first. Empty: nothing is known.
func (s PackageStatus) why() string {
	var parts []string
	for _, part := range []string{s.Object.String(), s.Warning.String(), s.Message} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, "; ")
}

// Report takes what is new. It is called from one goroutine at a time, and must not block for long. Nil: nobody listens.
type Report func(PackageStatus)

func (r Report) say(name string, state State, message string) {
	r.tell(PackageStatus{Name: name, State: state, Message: message})
}

func (r Report) tell(status PackageStatus) {
	if r != nil {
		r(status)
	}
}

// DefaultTimeout is how long one attempt to install a package may take until its objects are ready.
const DefaultTimeout = 10 * time.Minute

// timeout of one attempt at p.
func (p *Package) timeout() time.Duration {
	if p.Health.Timeout.Duration == 0 {
		return DefaultTimeout
	}
	return p.Health.Timeout.Duration
}

// UnfinishedError says which packages did not become ready, and why the waiting ended.
type UnfinishedError struct {
	Culprits []PackageStatus // failed, stalled or still installing: never those that only wait for others
	Waiting  []string        // for the culprits
	Before   []string        // those of them, and of the culprits, that a run before this one has begun
	Cause    error           // what ended the waiting; nil: no culprit will be tried again
}

func (e *UnfinishedError) Error() string {
	var out strings.Builder
	out.WriteString("packages are not ready: ")
	for i, culprit := range e.Culprits {
		if i > 0 {
			out.WriteString("; ")
		}
		fmt.Fprintf(&out, "%s is %s", culprit.Name, culprit.State)
		if why := culprit.why(); why != "" {
			fmt.Fprintf(&out, " (%s)", why)
		}
	}
	if len(e.Waiting) > 0 {
		fmt.Fprintf(&out, "; waiting for them: %s", strings.Join(e.Waiting, ", "))
	}
	if e.Cause != nil {
		fmt.Fprintf(&out, ": %v", e.Cause)
	}
	return out.String()
}

// Unwrap gives the cause, so that callers see a cancelled or expired context.
func (e *UnfinishedError) Unwrap() error { return e.Cause }

// Interrupted says what goes on without us, and what was not begun.
func (e *UnfinishedError) Interrupted() string {
	var out, going []string
	left := slices.Clone(e.Waiting)
	for _, culprit := range e.Culprits {
		if isUnready(culprit.State) {
			going = append(going, culprit.Name)
		} else {
			left = append(left, culprit.Name)
		}
	}
	left = slices.DeleteFunc(left, func(name string) bool { return slices.Contains(e.Before, name) })
	if len(going) > 0 {
		out = append(out, "Flux goes on in the cluster with: "+strings.Join(going, ", "))
	}
	if len(left) > 0 {
		out = append(out, "not begun: "+strings.Join(left, ", "))
	}
	if len(e.Before) > 0 {
		out = append(out, "not looked at yet, and as an earlier run left them: "+strings.Join(e.Before, ", "))
	}
	return strings.Join(append(out, goOn), "\n")
}

// Hint tells where to look.
func (e *UnfinishedError) Hint() string {
	var occupied []string
	for _, culprit := range e.Culprits {
		if culprit.State == StateStalled && strings.Contains(culprit.Message, isOccupied) {
			occupied = append(occupied, culprit.Name)
		}
	}
	if len(occupied) > 0 {
		return occupiedHint(occupied)
	}
	return "look at the releases with `kubectl get helmreleases -A`, and run the same command again: it goes on where it stands"
}
