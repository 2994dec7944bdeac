// SPDX-License-Identifier: Apache-2.0

package talos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/siderolabs/talos/pkg/machinery/api/common"
	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/client"
	"github.com/siderolabs/talos/pkg/machinery/constants"
	"google.golang.org/grpc/codes"
)

// BootID is the kernel's name of the node's present boot: another one after each reboot.
func (c *Client) BootID(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()

	return c.bootID(ctx)
}

// HasEtcdData tells whether there is anything in the node's etcd data directory, whether or not etcd runs. It is what
// Bootstrap asks on the node: false on one whose EPHEMERAL partition was wiped, and on one that never joined.
func (c *Client) HasEtcdData(ctx context.Context) (bool, error) {
	const op = "look for etcd's data"

	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()

	stream, err := c.api.MachineClient.List(ctx, &machine.ListRequest{Root: constants.EtcdDataPath})
	if err != nil {
		return false, c.fail(ctx, op, err, nil)
	}

	var found bool

	for {
		entry, err := stream.Recv()

		switch {
		case errors.Is(err, io.EOF):
			return found, nil
		case isNoSuchFile(err):
			return false, nil
		case err != nil:
			return false, c.fail(ctx, op, err, nil)
		case entry.GetError() != "":
			return false, fmt.Errorf("%s on %s: %s", op, c.addr, field(entry.GetError()))
		}

		// The directory itself is the first entry.
		found = found || strings.TrimSuffix(entry.GetName(), "/") != constants.EtcdDataPath
	}
}

// isNoSuchFile knows the kernel's words, for the node gives no code of its own with them.
func isNoSuchFile(err error) bool {
	answer := client.Status(err)

	return answer != nil && answer.Code() == codes.Unknown && strings.Contains(answer.Message(), "no such file or directory")
}

// recoverStall is how long a node may take for one piece of a snapshot, or for its answer at the end.
const recoverStall = time.Minute

// UploadSnapshot hands the node a snapshot for [Client.BootstrapFromSnapshot], in constant memory. The node keeps it and
// checks nothing yet. It may be called again: the last one counts. While a node recovers from one it must not be.
func (c *Client) UploadSnapshot(ctx context.Context, from io.Reader) error {
	const op = "upload the etcd snapshot"

	kinds := map[codes.Code]error{codes.FailedPrecondition: ErrNotReady}

	asked, patience := withPatience(ctx, recoverStall)
	defer patience.end()

	stream, err := c.api.MachineClient.EtcdRecover(asked)
	if err != nil {
		return c.fail(ctx, op, err, kinds)
	}

	piece := make([]byte, 64<<10)

	for {
		n, err := from.Read(piece)
		if n > 0 {
			if stream.Send(&common.Data{Bytes: piece[:n]}) != nil {
				break // the node has ended it: the reason comes with its answer
			}

			patience.moved()
		}

		if errors.Is(err, io.EOF) {
			break
		}

		if err != nil {
			return fmt.Errorf("%s to %s: read it: %w", op, c.addr, err)
		}
	}

	if _, err := stream.CloseAndRecv(); err != nil {
		return c.fail(ctx, op, reason(asked, err), kinds)
	}

	return nil
}

// BootstrapFromSnapshot starts etcd on this node as the only member of a new cluster with the uploaded snapshot's data.
// All that is said of [Client.Bootstrap] holds.
func (c *Client) BootstrapFromSnapshot(ctx context.Context) error {
	return c.bootstrap(ctx, "bootstrap etcd from a snapshot", &machine.BootstrapRequest{RecoverEtcd: true})
}
