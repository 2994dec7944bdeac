// SPDX-License-Identifier: Apache-2.0

package talos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/cosi-project/runtime/pkg/safe"
	"github.com/siderolabs/talos/pkg/machinery/client"
	"github.com/siderolabs/talos/pkg/machinery/resources/runtime"
)

const (
	// upgradeTimeout bounds an Upgrade call: the node fetches the installer's image before it answers.
	upgradeTimeout = 10 * time.Minute
	// bootIDFile is new at each boot, also at one by kexec.
	bootIDFile = "/proc/sys/kernel/random/boot_id"
	// schematicExtension is the extension without content by which the image factory marks its images: its version is
	// the schematic's ID.
	schematicExtension = "schematic"
)

// System is what runs on a node now.
type System struct {
	Version string // v1.13.9
	// Schematic is the ID of the recipe of the boot image. Empty: the image is not the image factory's.
	Schematic string
	// BootID is new at each boot.
	BootID string
}

// System reads what runs on a configured node.
func (c *Client) System(ctx context.Context) (System, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()

	reply, err := c.api.Version(ctx)
	if err != nil {
		return System{}, c.fail(ctx, "read the version of Talos", err, nil)
	}

	var out System

	for _, message := range reply.GetMessages() {
		out.Version = field(message.GetVersion().GetTag())
	}

	extensions, err := safe.StateListAll[*runtime.ExtensionStatus](ctx, c.api.COSI)
	if err != nil {
		return System{}, c.fail(ctx, "list the extensions", err, nil)
	}

	for extension := range extensions.All() {
		if metadata := extension.TypedSpec().Metadata; metadata.Name == schematicExtension {
			out.Schematic = field(metadata.Version)
		}
	}

	out.BootID, err = c.bootID(ctx)

	return out, err
}

func (c *Client) bootID(ctx context.Context) (string, error) {
	const op = "read the boot's ID"

	reader, err := c.api.Read(ctx, bootIDFile)
	if err != nil {
		return "", c.fail(ctx, op, err, nil)
	}
	defer reader.Close()

	data, err := io.ReadAll(io.LimitReader(reader, 64)) // a UUID has 36
	if err != nil {
		return "", c.fail(ctx, op, err, nil)
	}

	id := field(strings.TrimSpace(string(data)))
	if id == "" {
		return "", c.fail(ctx, op, errors.New("the node tells none"), nil)
	}

	return id, nil
}

// Upgrade has the node install an image beside the running one and reboot into it. It answers before that, once it has
// the image and, on a control plane, has seen that every member of etcd is well: a node refuses where there are two
// members, or one is not started. A node whose new image does not come up goes back to the old one by itself: what
// became of it shows in [Client.System]. [ErrUnavailable] means that the call may have taken effect or not.
//
// It is the call of Talos 1.11 to 1.13 that also checks etcd and drains the node. The newer LifecycleService, of 1.13
// only, leaves both to the client. Force and preserve are never set: either skips the check of etcd.
func (c *Client) Upgrade(ctx context.Context, image string) error {
	ctx, cancel := context.WithTimeout(ctx, upgradeTimeout)
	defer cancel()

	//nolint:staticcheck // see above
	if _, err := c.api.UpgradeWithOptions(ctx, client.WithUpgradeImage(image)); err != nil {
		return c.fail(ctx, fmt.Sprintf("upgrade to %s", image), err, nil)
	}

	return nil
}
