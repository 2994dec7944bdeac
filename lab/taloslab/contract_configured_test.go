// SPDX-License-Identifier: Apache-2.0

package taloslab_test

import (
	"context"
	"maps"
	"net/netip"
	"testing"
	"time"

	"github.com/cosi-project/runtime/pkg/safe"
	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/client"
	clientconfig "github.com/siderolabs/talos/pkg/machinery/client/config"
	"github.com/siderolabs/talos/pkg/machinery/resources/etcd"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	"github.com/cozystack/cozy-install/talos"
)

// TestContractWhenConfigured gives a real node and a simulated one a config each, and makes the same calls from then until etcd
// runs. Each is a cluster of its own.
func TestContractWhenConfigured(t *testing.T) {
	lab := openLab(t)
	_, err := lab.ServeImages(t.Context(), imageServer)
	require.NoError(t, err)
	node, nodePrint := startNode(t, lab, 1)
	simulated, simulatedPrint := startSimulated(t, lab, 21)

	made := writeSiteOf(t, lab, apiAt(node.Addr()), siteNode{node.Name, node.MAC, node.Addr().Addr()})
	genuine := configuredAnswers(t, node.Addr(), nodePrint.Fingerprint, made, node.Name)
	made = writeSiteOf(t, lab, apiAt(simulated), siteNode{"sim1", simulatedMAC(21), simulated.Addr()})
	compare(t, genuine, configuredAnswers(t, simulated, simulatedPrint.Fingerprint, made, "sim1"), whenConfigured())
}

// apiAt says that the Kubernetes API is at the one node's own address.
func apiAt(node netip.AddrPort) string { return "endpoint: https://" + node.Addr().String() + ":6443" }

func configuredAnswers(t *testing.T, addr netip.AddrPort, fingerprint string, made testSite, name string) answers {
	t.Helper()
	configs, talosconfig := made.generate(t)
	creds, err := talos.ParseCredentials(talosconfig)
	require.NoError(t, err)
	configure(t, addr, fingerprint, configs[name], creds)
	config, err := clientconfig.FromBytes(talosconfig)
	require.NoError(t, err)
	c, err := client.New(t.Context(), client.WithConfig(config), client.WithEndpoints(addr.String()))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })

	out := answers{}
	nobody := dialRaw(t, addr, anonymous())
	_, err = nobody.Version(t.Context())
	out["Version, without a certificate"] = said("", err)[:len("Unavailable")]
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err = c.EtcdMemberList(ctx, &machine.EtcdMemberListRequest{QueryLocal: true})
	out["EtcdMemberList before the bootstrap"] = client.StatusCode(err).String()
	var bootstrapped error
	until(t, 2*time.Minute, "the bootstrap of "+name+" to be possible", func(ctx context.Context) error {
		bootstrapped = c.Bootstrap(ctx, &machine.BootstrapRequest{})
		if code := client.StatusCode(bootstrapped); code == codes.FailedPrecondition || code == codes.Unavailable {
			return bootstrapped // too early, as the simulated one is for longer
		}
		return nil
	})
	out["Bootstrap"] = said("", bootstrapped)
	until(t, 3*time.Minute, "etcd of "+name+" to have a member", func(ctx context.Context) error {
		_, err := safe.StateGetByID[*etcd.Member](ctx, c.COSI, etcd.LocalMemberID) // is there after the member list
		return err
	})
	out["Bootstrap again"] = said("", c.Bootstrap(t.Context(), &machine.BootstrapRequest{}))
	for mode := range machine.ApplyConfigurationRequest_Mode_name {
		request := &machine.ApplyConfigurationRequest{Data: configs[name], DryRun: true, Mode: machine.ApplyConfigurationRequest_Mode(mode)}
		reply, err := c.ApplyConfiguration(t.Context(), request)
		shape := ""
		for _, message := range reply.GetMessages() {
			shape += message.GetMode().String() + " " + firstLines(message.GetModeDetails(), 2)
		}
		out["apply the same config, "+request.GetMode().String()] = said(shape, err)
	}
	maps.Copy(out, callAll(t.Context(), c))
	maps.Copy(out, listAll(t.Context(), c))
	return out
}

// whenConfigured are the differences between a container and a simulated server, and what is not simulated because nothing
// reads it.
func whenConfigured() map[string]difference {
	const some, none, stored = "OK: some", "OK: none", " (skipped in dry-run)."
	out := map[string]difference{
		"EtcdMemberList before the bootstrap": {
			"DeadlineExceeded", "Unavailable",
			"it waits for an etcd that is not there until the caller gives up",
		},
		"apply the same config, TRY": {
			"OK: TRY Dry run summary: | Applied configuration without a reboot" + stored, "Unimplemented: mode TRY is not simulated", notRead,
		},
		"apply the same config, STAGED": {
			"OK: STAGED Dry run summary: | Staged configuration to be applied after the next reboot" + stored,
			"Unimplemented: mode STAGED is not simulated", notRead,
		},
		"apply the same config, REBOOT": {
			"OK: REBOOT Dry run summary: | Applied configuration with a reboot" + stored,
			"Unimplemented: mode REBOOT is not simulated", "not simulated: the product does not ask for it",
		},
	}
	for _, kind := range []string{
		"AddressSpecs.net", "RouteStatuses.net", "LinkSpecs.net", "NetworkStatuses.net",
		"VolumeConfigs.block", "Nodenames.kubernetes", "EtcdRootSecrets.secrets",
		"ApiCertificates.secrets", "KubeletSecrets.secrets",
	} {
		out["list "+kind+".talos.dev"] = difference{some, none, notRead}
	}
	out["list PlatformMetadatas.talos.dev"] = difference{some, none, notRead}
	for _, kind := range []string{
		"SystemInformations.hardware", "Disks.block", "DiscoveredVolumes.block", "SystemDisks.block", "ExtensionStatuses.runtime",
	} {
		out["list "+kind+".talos.dev"] = difference{none, some, "a container has no hardware and is not installed"}
	}
	return out
}

const notRead = "not simulated: nothing of the product reads it"
