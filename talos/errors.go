// SPDX-License-Identifier: Apache-2.0

package talos

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/siderolabs/talos/pkg/machinery/client"
	"google.golang.org/grpc/codes"
)

// What a call may be refused for, where a caller decides on it. They are found with errors.Is in a [*CallError].
var (
	// ErrUnavailable: the node did not answer, or not in time, or it is not the one we dialled: TLS failed. Nothing is
	// known, least of all that nothing happened.
	ErrUnavailable = errors.New("the node does not answer")
	// ErrAlreadyApplying: the node is busy with an earlier config, which is as good as success.
	ErrAlreadyApplying = errors.New("the node is already applying a config")
	// ErrInvalidConfig: the node refuses the config itself; sending it again is of no use.
	ErrInvalidConfig = errors.New("the node refuses the config")
	// ErrAlreadyBootstrapped: the node's etcd directory is not empty. Only its member list can tell whose cluster it
	// belongs to.
	ErrAlreadyBootstrapped = errors.New("etcd has already been bootstrapped")
	// ErrNotReady: the node cannot be bootstrapped yet: it is still booting, or its clock is not synchronised.
	ErrNotReady = errors.New("the node is not ready for bootstrap")
	// ErrDiskInUse: the disk is read-only, mounted, or a part of a RAID or LVM.
	ErrDiskInUse = errors.New("the disk can't be wiped")
)

// maxErrorText bounds what a node can make us print.
const maxErrorText = 4 << 10

// CallError is the failure of one call to one node. It unwraps to one of the errors above, to context.Canceled, or to
// nothing; the node's own words are in the text, made fit for a terminal.
type CallError struct {
	Op   string // what was done: "apply config"
	Addr netip.AddrPort
	Code codes.Code // what the node answered; Unknown when it did not speak gRPC
	kind error
	text string
}

// Error implements error.
func (e *CallError) Error() string { return fmt.Sprintf("%s on %s: %s", e.Op, e.Addr, e.text) }

// Unwrap returns the kind of the failure, or nil.
func (e *CallError) Unwrap() error { return e.kind }

// Hint says what to do, if something can be said.
func (e *CallError) Hint() string {
	switch {
	case errors.Is(e.kind, ErrNotReady):
		return "if it stays so, look at the node's clock: the NTP servers of the site must be reachable from it"
	case errors.Is(e.kind, ErrUnavailable):
		return "check that the node is on and that port 50000 is reachable from here"
	default:
		return ""
	}
}

// fail makes the error of a call. Codes in kinds are given a meaning by the call; Unavailable has one everywhere.
func (c *Client) fail(ctx context.Context, op string, err error, kinds map[codes.Code]error) error {
	failure := &CallError{Op: op, Addr: c.addr, Code: client.StatusCode(err), text: errorText(err)}

	switch kind, known := kinds[failure.Code]; {
	case known:
		failure.kind = kind
	case errors.Is(ctx.Err(), context.Canceled):
		failure.kind = context.Canceled
	case failure.Code == codes.Unavailable, failure.Code == codes.DeadlineExceeded,
		errors.Is(err, context.DeadlineExceeded):
		failure.kind = ErrUnavailable
	}

	return failure
}

// errorText drops gRPC's own words around the node's.
func errorText(err error) string {
	if status := client.Status(err); status != nil {
		return clean(fmt.Sprintf("%s (%s)", status.Message(), status.Code()), maxErrorText)
	}

	return clean(err.Error(), maxErrorText)
}
