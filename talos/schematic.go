// SPDX-License-Identifier: Apache-2.0

package talos

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/siderolabs/image-factory/pkg/schematic"
)

var extensionName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]*/[a-z0-9][a-z0-9._-]*$`)

// Schematic names the boot image that has the extensions and kernel arguments which a bundle and a site ask for. The
// id is computed here, as the image factory computes it: nothing is asked. Extensions are a set: their order and
// repetitions do not change the id. Kernel arguments keep their order, the bundle's first, for the last one wins.
func Schematic(req Requirements, extraExtensions, kernelArgs []string) (id string, yaml []byte, err error) {
	extensions := slices.Concat(req.Extensions, extraExtensions)
	slices.Sort(extensions)
	extensions = slices.Compact(extensions)

	for _, name := range extensions {
		if !extensionName.MatchString(name) {
			return "", nil, fmt.Errorf("schematic: extension %q: not a name such as siderolabs/drbd", name)
		}
	}

	args := slices.Concat(req.KernelArgs, kernelArgs)
	for _, arg := range args {
		if arg == "" || strings.ContainsAny(arg, " \t\n") {
			return "", nil, fmt.Errorf("schematic: kernel argument %q: must be one word", arg)
		}
	}

	wanted := schematic.Schematic{Customization: schematic.Customization{
		ExtraKernelArgs:  args,
		SystemExtensions: schematic.SystemExtensions{OfficialExtensions: extensions},
	}}

	if yaml, err = wanted.Marshal(); err != nil {
		return "", nil, fmt.Errorf("schematic: %w", err)
	}

	if id, err = wanted.ID(); err != nil {
		return "", nil, fmt.Errorf("schematic: %w", err)
	}

	return id, yaml, nil
}

// InstallImage is the installer of a schematic on bare metal, as the image factory names it since Talos 1.10:
//
//	https://factory.talos.dev, 3767..., v1.13.9 -> factory.talos.dev/metal-installer/3767...:v1.13.9
//
// Nodes fetch it over https. A factory with an http URL needs a registry mirror of its host as well.
func InstallImage(factoryURL, schematicID, version string) string {
	return factoryImage(factoryURL, "metal-installer", schematicID, version)
}

// SecureBootInstallImage is the installer that writes a signed UKI. It is for machines whose firmware has the factory's
// keys enrolled: others do not start what it installs, nor the signed machines what [InstallImage] does.
func SecureBootInstallImage(factoryURL, schematicID, version string) string {
	return factoryImage(factoryURL, "metal-installer-secureboot", schematicID, version)
}

func factoryImage(factoryURL, name, schematicID, version string) string {
	host := factoryURL
	if _, rest, found := strings.Cut(factoryURL, "://"); found {
		host = rest
	}

	return strings.TrimRight(host, "/") + "/" + name + "/" + schematicID + ":" + version
}
