// SPDX-License-Identifier: Apache-2.0

package talos

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/siderolabs/talos/pkg/machinery/config/configloader"
	"github.com/siderolabs/talos/pkg/machinery/config/validation"
)

// check reports every input from which no config can be made, or from which Talos would make a node nobody reaches.
// Talos's own validation of the finished config comes later; it sees neither a VIP outside the network nor two equal
// addresses.
func check(c Cluster, s *Secrets, n Node) error {
	return errors.Join(checkSecrets(s), checkCluster(c), checkNode(c, n))
}

func checkSecrets(s *Secrets) error {
	if s == nil || s.bundle == nil {
		return errors.New("secrets: none are given")
	}

	return nil
}

func checkCluster(c Cluster) error {
	var errs []error

	if c.Name == "" {
		errs = append(errs, errors.New("cluster name: must be set"))
	}

	if c.Endpoint == nil || c.Endpoint.Scheme != "https" || c.Endpoint.Hostname() == "" || c.Endpoint.Port() == "" {
		errs = append(errs, fmt.Errorf("endpoint %q: must be a URL such as https://10.0.0.10:6443", c.Endpoint))
	}

	if c.InstallImage == "" {
		errs = append(errs, errors.New("install image: must be set"))
	}

	if !c.NodeSubnet.IsValid() {
		errs = append(errs, errors.New("node subnet: must be set"))
	}

	errs = append(errs, checkInside("VIP", c.VIP, c.NodeSubnet), checkInside("gateway", c.Gateway, c.NodeSubnet))

	if c.Registries.TrustedRoots != "" {
		if err := CheckRoots(c.Registries.TrustedRoots); err != nil {
			errs = append(errs, fmt.Errorf("trusted roots: %w", err))
		}
	}

	if version, err := parseContract(c.TalosVersion); err != nil {
		errs = append(errs, err)
	} else if err := checkKubernetes(c.KubernetesVersion, c.TalosVersion); err != nil {
		errs = append(errs, fmt.Errorf("%w (Talos %s)", err, version))
	}

	return errors.Join(errs...)
}

func checkNode(c Cluster, n Node) error {
	var errs []error

	if n.Name == "" {
		errs = append(errs, errors.New("node name: must be set"))
	}

	if n.Role != ControlPlane && n.Role != Worker {
		errs = append(errs, fmt.Errorf("role %q: must be %s or %s", n.Role, ControlPlane, Worker))
	}

	if !n.Address.IsValid() {
		errs = append(errs, errors.New("address: must be set"))
	} else {
		errs = append(errs, checkInside("address", n.Address.Addr(), c.NodeSubnet))
	}

	if n.Address.IsValid() && n.Address.Addr() == c.VIP {
		errs = append(errs, fmt.Errorf("address %s: is the VIP", n.Address.Addr()))
	}

	errs = append(errs, checkLinks(c, n))

	if _, err := n.Disk.install(); err != nil {
		errs = append(errs, err)
	}

	return errors.Join(errs...)
}

func checkLinks(c Cluster, n Node) error {
	var errs []error

	target, targetErr := parseContract(c.TalosVersion)
	if targetErr == nil && n.MAC == nil && n.Network.Bond == nil {
		if version, err := target.lower(n.Running); err != nil {
			errs = append(errs, err)
		} else if !version.aliasPatterns() {
			errs = append(errs, fmt.Errorf("MAC: must be set for Talos %s, which cannot choose a link by itself", version))
		}

		if len(n.Network.Links) > 0 {
			errs = append(errs, errors.New("MAC: must be set where the node has further links"))
		}
	}

	seen := map[string]bool{}

	for _, one := range ports(c, n) {
		for _, mac := range one.macs {
			if len(mac) != 6 {
				errs = append(errs, fmt.Errorf("MAC %s: must be six bytes", mac))
			}

			if seen[mac.String()] {
				errs = append(errs, fmt.Errorf("MAC %s: is used for two links", mac))
			}

			seen[mac.String()] = true
		}

		ids := map[uint16]bool{}

		for _, vlan := range one.vlans {
			if ids[vlan.ID] || vlan.ID == 0 || vlan.ID > 4094 {
				errs = append(errs, fmt.Errorf("VLAN %d on %s: must be 1 to 4094, and there once", vlan.ID, one.name))
			}

			ids[vlan.ID] = true
		}
	}

	if bond := n.Network.Bond; bond != nil && len(bond.Members) == 0 {
		errs = append(errs, errors.New("bond: must have members"))
	}

	return errors.Join(errs...)
}

// checkInside accepts the zero address, which means none.
func checkInside(what string, addr netip.Addr, subnet netip.Prefix) error {
	if addr.IsValid() && subnet.IsValid() && !subnet.Contains(addr) {
		return fmt.Errorf("%s %s: is outside the node subnet %s", what, addr, subnet)
	}

	return nil
}

// metal is the mode of a node that installs itself to a disk. It must ask for the install section, or a missing disk
// selector would only be noticed by the node.
type metal struct{}

func (metal) String() string        { return "metal" }
func (metal) RequiresInstall() bool { return true }
func (metal) InContainer() bool     { return false }

// validate decodes a finished config as a node would, unknown keys refused, and lets Talos judge it with warnings as
// errors. Conflicts between documents are only found here, never by the patcher.
func validate(data []byte) error {
	provider, err := configloader.NewFromBytes(data)
	if err != nil {
		return oneLine(err)
	}

	if _, err := provider.Validate(metal{}, validation.WithLocal(), validation.WithStrict()); err != nil {
		return oneLine(err)
	}

	return nil
}
