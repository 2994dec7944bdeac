// SPDX-License-Identifier: Apache-2.0

package talosim

import (
	"context"
	"errors"
	"net/netip"

	configmachine "github.com/siderolabs/talos/pkg/machinery/config/machine"
	configres "github.com/siderolabs/talos/pkg/machinery/resources/config"
	"github.com/siderolabs/talos/pkg/machinery/resources/network"
)

// publishUnconfigured fills the resources that a machine has of itself as long as no config says anything else. A real node in
// maintenance mode has them (lab/taloslab compares).
func (o *osRun) publishUnconfigured(ctx context.Context, lease netip.Prefix) error {
	kind := configres.NewMachineType()
	kind.SetMachineType(configmachine.TypeUnknown)

	host := network.NewHostnameStatus(network.NamespaceName, network.HostnameID)
	host.TypedSpec().Hostname = unconfiguredName

	ready := network.NewStatus(network.NamespaceName, network.StatusID)
	*ready.TypedSpec() = network.StatusSpec{AddressReady: true, HostnameReady: true, EtcFilesReady: true}

	errs := []error{o.resources.Create(ctx, kind), o.resources.Create(ctx, host), o.resources.Create(ctx, ready)}

	for link, address := range map[string]netip.Prefix{
		cardName(0): lease, "lo": netip.MustParsePrefix("127.0.0.1/8"),
	} {
		errs = append(errs, o.publishAddress(ctx, link, address))
	}

	return errors.Join(errs...)
}

// unconfiguredName is the host name of a machine that was told none.
const unconfiguredName = "talos"
