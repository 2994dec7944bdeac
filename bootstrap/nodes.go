// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/talos"
)

// NodeView is one node of the site as its machine answers now. What the machine tells about itself is its claim.
type NodeView struct {
	Name string `json:"name"`
	Role string `json:"role"`
	// State is maintenance, ours, foreign or unreachable.
	State string `json:"state"`
	// Address is where the machine answers, or where it should.
	Address string `json:"address"`
	// Fingerprint is that of the certificate in maintenance mode, new at each boot.
	Fingerprint string `json:"fingerprint,omitempty"`
	// Machine is nil where nobody may look: the node is unreachable or foreign.
	Machine *MachineView `json:"machine,omitempty"`
	// Fault says what about the machine does not fit the site file; empty if nothing.
	Fault string `json:"fault,omitempty"`
	// Reason says why the machine cannot be looked at although it answers.
	Reason string `json:"reason,omitempty"`

	fault error
}

// MachineView is the hardware of a machine, and how it was started.
type MachineView struct {
	Manufacturer string        `json:"manufacturer,omitempty"`
	Product      string        `json:"product,omitempty"`
	Serial       string        `json:"serial,omitempty"`
	UUID         string        `json:"uuid,omitempty"`
	TalosVersion string        `json:"talosVersion,omitempty"`
	Links        []LinkView    `json:"links"`
	Disks        []DiskView    `json:"disks"`
	Security     *SecurityView `json:"security,omitempty"` // nil: the machine does not tell
	// Withheld names the Talos resources that the machine did not have or did not show.
	Withheld []string `json:"withheld,omitempty"`
}

// LinkView is one physical network link.
type LinkView struct {
	Name string `json:"name"`
	MAC  string `json:"mac"`
	Up   bool   `json:"up"` // has a carrier
}

// DiskView is one disk.
type DiskView struct {
	Path       string `json:"path"` // changes between boots
	Bytes      uint64 `json:"bytes"`
	Model      string `json:"model,omitempty"`
	Serial     string `json:"serial,omitempty"`
	WWID       string `json:"wwid,omitempty"`
	Transport  string `json:"transport,omitempty"`
	Rotational bool   `json:"rotational,omitempty"`
	ReadOnly   bool   `json:"readOnly,omitempty"`
}

// SecurityView is how a machine was started and what its kernel enforces.
type SecurityView struct {
	SecureBoot              bool   `json:"secureBoot"`
	BootedWithUKI           bool   `json:"bootedWithUKI"`
	UKISigningKey           string `json:"ukiSigningKeyFingerprint,omitempty"`
	PCRSigningKey           string `json:"pcrSigningKeyFingerprint,omitempty"`
	SELinux                 string `json:"selinux"`
	FIPS                    string `json:"fips"`
	ModuleSignatureEnforced bool   `json:"moduleSignatureEnforced"`
}

// Nodes looks at the named nodes of a site, or at all of them, without changing anything. A site whose secrets are not
// there yet has no node that is ours.
func Nodes(ctx context.Context, o Options, only ...string) ([]NodeView, error) {
	dir, err := workdir.OpenForReading(o.WorkDir)
	if err != nil {
		return nil, err
	}
	b, err := newBringup(o, dir)
	if err != nil {
		return nil, err
	}
	nodes := b.site.Nodes
	if len(only) > 0 {
		nodes = nil
	}
	for _, name := range only {
		node, err := nodeOf(b.site, name)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, node)
	}
	return b.viewNodes(ctx, nodes)
}

// Faults joins the faults of nodes: nil if there are none.
func Faults(nodes []NodeView) error {
	var errs []error
	for _, node := range nodes {
		errs = append(errs, node.fault)
	}
	return errors.Join(errs...)
}

func (b *bringup) viewNodes(ctx context.Context, nodes []site.Node) ([]NodeView, error) {
	creds, err := b.credentials()
	if none := (*NoSecretsError)(nil); err != nil && !errors.As(err, &none) {
		return nil, err
	}
	// The error is in what was seen of each node.
	seen, _ := b.observeNodes(ctx, nodes, true, creds)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	out := make([]NodeView, len(nodes))
	group := errgroup.Group{}
	group.SetLimit(nodesAtOnce)
	for i, node := range nodes {
		group.Go(func() error {
			out[i] = b.viewNode(ctx, node, seen[node.Name])
			return nil
		})
	}
	_ = group.Wait() // no member returns an error
	return out, nil
}

func (b *bringup) viewNode(ctx context.Context, node site.Node, seen sight) NodeView {
	out := NodeView{Name: node.Name, Role: node.Role, State: string(seen.state), Address: node.Address.String()}
	if seen.addr.IsValid() {
		out.Address = seen.addr.Addr().String()
	}
	var inventory talos.Inventory
	err := seen.trouble
	switch {
	case err != nil:
	case seen.state == talos.Maintenance:
		out.Fingerprint, inventory = seen.fingerprint, seen.inventory
	case seen.state == talos.Ours:
		inventory, err = b.inventoryOf(ctx, node)
	default:
		return out
	}
	if err != nil {
		out.Reason = err.Error()
		return out
	}
	machine := machineView(inventory)
	out.Machine = &machine
	if out.fault = assertSecureBoot(b.site, node, inventory.Security); out.fault != nil {
		out.Fault = out.fault.Error()
	}
	return out
}

func (b *bringup) inventoryOf(ctx context.Context, node site.Node) (talos.Inventory, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	client, err := b.dial(ctx, node)
	if err != nil {
		return talos.Inventory{}, err
	}
	defer client.Close()
	return client.Inventory(ctx)
}

func machineView(machine talos.Inventory) MachineView {
	out := MachineView{
		Manufacturer: machine.Manufacturer, Product: machine.Product, Serial: machine.Serial, UUID: machine.UUID,
		TalosVersion: machine.TalosVersion, Withheld: machine.Withheld, Links: []LinkView{}, Disks: []DiskView{},
	}
	for _, l := range machine.Links {
		out.Links = append(out.Links, LinkView{Name: l.Name, MAC: l.MAC.String(), Up: l.Up})
	}
	for _, d := range machine.Disks {
		out.Disks = append(out.Disks, DiskView{
			Path: d.DevPath, Bytes: d.Size, Model: d.Model, Serial: d.Serial, WWID: d.WWID, Transport: d.Transport,
			Rotational: d.Rotational, ReadOnly: d.Readonly,
		})
	}
	if machine.Security != nil {
		security := SecurityView(*machine.Security)
		out.Security = &security
	}
	return out
}
