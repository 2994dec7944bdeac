// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/cozystack/cozy-install/bootstrap"
	"github.com/cozystack/cozy-install/cmd/internal/ui"
	"github.com/cozystack/cozy-install/talos"
)

func newNodeCommand(streams Streams) *cobra.Command {
	return newGroup("node", "Look at the machines of a site, and approve them",
		newNodeListCommand(streams), newNodeShowCommand(streams), newNodeApproveCommand(streams), newNodePowerCommand(streams))
}

func newNodeListCommand(streams Streams) *cobra.Command {
	var flags siteFlags
	var output outputFlag
	c := &cobra.Command{
		Use: "list", Short: "Show how each machine of the site answers", Args: usageArgs(cobra.NoArgs),
		Long: "Show how each machine of the site answers: in maintenance mode, as ours, as a foreign one, or not at all. Machines in\n" +
			"maintenance mode are also looked for on the node network. The exit code is 1 if a machine does not fit the site file.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := output.check(); err != nil {
				return err
			}
			options, err := flags.load(streams)
			if err != nil {
				return err
			}
			nodes, err := bootstrap.Nodes(cmd.Context(), options)
			if err != nil {
				return err
			}
			if err := output.print(streams.Out, nodes, func() string { return nodeTable(nodes) }); err != nil {
				return err
			}
			return bootstrap.Faults(nodes)
		},
	}
	flags.add(c)
	output.add(c)
	return c
}

func nodeTable(nodes []bootstrap.NodeView) string {
	rows := make([][]string, 0, len(nodes))
	for _, n := range nodes {
		reason := n.Reason
		if n.Fault != "" {
			reason = n.Fault
		}
		rows = append(rows, []string{n.Name, n.Role, n.State, n.Address, n.Fingerprint, secureBoot(n), reason})
	}
	return ui.Table([]string{"NODE", "ROLE", "STATE", "ADDRESS", "FINGERPRINT", "SECURE BOOT", "REASON"}, rows) + "\n"
}

// secureBoot is on, off, or empty where the machine does not tell.
func secureBoot(n bootstrap.NodeView) string {
	if n.Machine == nil || n.Machine.Security == nil {
		return ""
	}
	return onOff(n.Machine.Security.SecureBoot)
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

func newNodeShowCommand(streams Streams) *cobra.Command {
	var flags siteFlags
	var output outputFlag
	c := &cobra.Command{
		Use: "show NODE", Short: "Show a machine's hardware, and how it was started", Args: usageArgs(cobra.ExactArgs(1)),
		Long: "Show a machine's hardware, and how it was started, as the machine itself tells it. The exit code is 1 if it does not\n" +
			"fit the site file.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := output.check(); err != nil {
				return err
			}
			options, err := flags.load(streams)
			if err != nil {
				return err
			}
			nodes, err := bootstrap.Nodes(cmd.Context(), options, args[0])
			if err != nil {
				return wrongNode(err)
			}
			if err := output.print(streams.Out, nodes[0], func() string { return nodeDescription(nodes[0]) }); err != nil {
				return err
			}
			return bootstrap.Faults(nodes)
		},
	}
	flags.add(c)
	output.add(c)
	return c
}

func nodeDescription(n bootstrap.NodeView) string {
	rows := [][]string{{"role", n.Role}, {"state", n.State}, {"address", n.Address}}
	add := func(key, value string) {
		if value != "" {
			rows = append(rows, []string{key, value})
		}
	}
	add("fingerprint", n.Fingerprint)
	add("reason", n.Reason)
	add("fault", n.Fault)
	m := n.Machine
	if m == nil {
		return ui.Table([]string{"NODE", n.Name}, rows) + "\n"
	}
	add("vendor", m.Manufacturer)
	add("product", m.Product)
	add("serial", m.Serial)
	add("uuid", m.UUID)
	add("talos", m.TalosVersion)
	if s := m.Security; s != nil {
		add("secure boot", onOff(s.SecureBoot))
		add("booted with UKI", yesNo(s.BootedWithUKI))
		add("UKI signing key", s.UKISigningKey)
		add("PCR signing key", s.PCRSigningKey)
		add("SELinux", s.SELinux)
		add("FIPS", s.FIPS)
		add("signed modules only", yesNo(s.ModuleSignatureEnforced))
	}
	add("withheld", strings.Join(m.Withheld, ", "))
	return ui.Table([]string{"NODE", n.Name}, rows) + "\n\n" + linkTable(m.Links) + "\n\n" + diskTable(m.Disks) + "\n"
}

func linkTable(links []bootstrap.LinkView) string {
	rows := make([][]string, 0, len(links))
	for _, l := range links {
		rows = append(rows, []string{l.Name, l.MAC, yesNo(l.Up)})
	}
	return ui.Table([]string{"LINK", "MAC", "UP"}, rows)
}

func diskTable(disks []bootstrap.DiskView) string {
	rows := make([][]string, 0, len(disks))
	for _, d := range disks {
		rows = append(rows, []string{d.Path, humanize.Bytes(d.Bytes), d.Transport, d.Model, d.Serial, d.WWID})
	}
	return ui.Table([]string{"DISK", "SIZE", "TRANSPORT", "MODEL", "SERIAL", "WWID"}, rows)
}

func newNodeApproveCommand(streams Streams) *cobra.Command {
	var flags siteFlags
	var fingerprint string
	c := &cobra.Command{
		Use: "approve NODE", Short: "Approve a control plane by the fingerprint on its console", Args: usageArgs(cobra.ExactArgs(1)),
		Long: "Approve a control plane by the fingerprint on its console, while up waits for it in the same work directory\n" +
			"(netboot.approve: fingerprint). Read it from the machine itself: its screen, its serial console or its BMC, not from\n" +
			"the network. Only the machine that has it gets the node's config. An approval is for one boot of the machine.",
		RunE: func(_ *cobra.Command, args []string) error {
			options, err := flags.load(streams)
			if err != nil {
				return err
			}
			if err := bootstrap.ApproveNode(options, args[0], fingerprint); err != nil {
				return wrongNode(err)
			}
			_, err = fmt.Fprintf(streams.Out, "%s is approved with the fingerprint %s\n", args[0], strings.TrimSpace(fingerprint))
			return err
		},
	}
	flags.add(c)
	c.Flags().StringVar(&fingerprint, "fingerprint", "", "the fingerprint on the machine's console, 44 characters")
	return c
}

// wrongNode makes a wrong usage of an error that the arguments are to blame for.
func wrongNode(err error) error {
	var unknown *bootstrap.UnknownNodeError
	var needless *bootstrap.NoApprovalNeededError
	var malformed *talos.FingerprintError
	if errors.As(err, &unknown) || errors.As(err, &needless) || errors.As(err, &malformed) {
		return &UsageError{Err: err}
	}
	return err
}
