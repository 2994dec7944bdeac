// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"fmt"
	"time"

	"github.com/siderolabs/talos/pkg/machinery/config"
	"github.com/siderolabs/talos/pkg/machinery/config/encoder"
	"github.com/siderolabs/talos/pkg/machinery/config/generate"
	"github.com/siderolabs/talos/pkg/machinery/config/generate/secrets"
	machinetype "github.com/siderolabs/talos/pkg/machinery/config/machine"
)

// MakeForeign installs somebody else's cluster on a machine that is off: a control plane with keys that nobody has, which
// takes its address from the site's DHCP server. Making the keys takes a second.
func (f *Fleet) MakeForeign(name string) error {
	found, err := f.find(name)
	if err != nil {
		return err
	}

	m := found[0]
	if state := m.current(); state != Off {
		return fmt.Errorf("make machine %q foreign: it is %s, not off", name, state)
	}

	disk := m.spec.Disks[0].Path

	data, err := foreignConfig(disk, f.cfg.TalosVersion)
	if err != nil {
		return fmt.Errorf("make machine %q foreign: %w", name, err)
	}

	m.disks.Install(data, disk)

	return nil
}

func foreignConfig(disk, version string) ([]byte, error) {
	contract, err := config.ParseContractFromVersion(version)
	if err != nil {
		return nil, err
	}

	bundle, err := secrets.NewBundle(secrets.NewFixedClock(time.Now()), contract)
	if err != nil {
		return nil, err
	}

	input, err := generate.NewInput("somebody-else", "https://192.0.2.1:6443", "1.34.4",
		generate.WithVersionContract(contract), generate.WithSecretsBundle(bundle), generate.WithInstallDisk(disk))
	if err != nil {
		return nil, err
	}

	provider, err := input.Config(machinetype.TypeControlPlane)
	if err != nil {
		return nil, err
	}

	return provider.EncodeBytes(encoder.WithComments(encoder.CommentsDisabled))
}
