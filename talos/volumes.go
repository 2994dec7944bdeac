// SPDX-License-Identifier: Apache-2.0

package talos

import (
	"fmt"

	"github.com/siderolabs/talos/pkg/machinery/cel"
	"github.com/siderolabs/talos/pkg/machinery/cel/celenv"
	configtypes "github.com/siderolabs/talos/pkg/machinery/config/config"
	"github.com/siderolabs/talos/pkg/machinery/config/types/block"
	"github.com/siderolabs/talos/pkg/machinery/constants"
)

// Volumes divides a node's install disk. Zero: the system takes all of it.
type Volumes struct {
	// Ephemeral bounds the file system of images, containers and logs (/var), such as 100GiB. Empty: the rest of the disk.
	Ephemeral string
	// Raw are partitions without a file system.
	Raw []RawVolume
}

// RawVolume is a partition without a file system, /dev/disk/by-partlabel/r-<name>.
type RawVolume struct {
	Name string // letters, digits and hyphens, at most 34
	Size string // 500GiB
}

// volumeDocuments have the same form in all versions.
func volumeDocuments(v Volumes) ([]configtypes.Document, error) {
	var documents []configtypes.Document

	if v.Ephemeral != "" {
		ephemeral := block.NewVolumeConfigV1Alpha1()
		ephemeral.MetaName = constants.EphemeralPartitionLabel

		if err := ephemeral.ProvisioningSpec.ProvisioningMaxSize.UnmarshalText([]byte(v.Ephemeral)); err != nil {
			return nil, fmt.Errorf("volume EPHEMERAL: size %q: %w", v.Ephemeral, err)
		}

		documents = append(documents, ephemeral)
	}

	for _, wanted := range v.Raw {
		raw := block.NewRawVolumeConfigV1Alpha1()
		raw.MetaName = wanted.Name
		spec := &raw.ProvisioningSpec

		expression, err := cel.ParseBooleanExpression("system_disk", celenv.DiskLocator())
		if err != nil {
			return nil, err
		}

		spec.DiskSelectorSpec.Match = expression

		for _, size := range []interface{ UnmarshalText(text []byte) error }{&spec.ProvisioningMinSize, &spec.ProvisioningMaxSize} {
			if err := size.UnmarshalText([]byte(wanted.Size)); err != nil {
				return nil, fmt.Errorf("volume %s: size %q: %w", wanted.Name, wanted.Size, err)
			}
		}

		documents = append(documents, raw)
	}

	return documents, nil
}
