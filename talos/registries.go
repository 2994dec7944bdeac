// SPDX-License-Identifier: Apache-2.0

package talos

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	configtypes "github.com/siderolabs/talos/pkg/machinery/config/config"
	"github.com/siderolabs/talos/pkg/machinery/config/types/cri"
	"github.com/siderolabs/talos/pkg/machinery/config/types/security"
	"github.com/siderolabs/talos/pkg/machinery/config/types/v1alpha1"
)

// Registries says how nodes pull images.
type Registries struct {
	// Mirrors maps a registry host to the URLs that are asked before it.
	Mirrors map[string][]string
	// Places maps a registry host to the URL, path included, under which another registry has its images, as one has that
	// serves several: it is asked before Mirrors.
	Places map[string]string
	// OnlyPlaces keeps nodes from asking anyone else for the images of a host that has a place: in an air gap asking takes
	// minutes to fail, and fails with the wrong reason.
	OnlyPlaces bool
	// Auth is by host, or host:port, of what is asked: a mirror's where there is one.
	Auth map[string]RegistryAuth
	// TrustedRoots are PEM certificates of authorities that nodes trust beside the public ones, for registries and for
	// everything else they speak TLS with. Empty: none.
	TrustedRoots string
}

// RegistryAuth is a login. It becomes part of the machine config, which is a secret.
type RegistryAuth struct {
	Username string
	Password Hidden
}

// registryDocuments are places, logins and authorities; mirrors of hosts without a place are written by Talos's own generator.
// Authorities were a document of their own before logins were.
func registryDocuments(c Cluster, version contract, main *v1alpha1.Config) ([]configtypes.Document, error) {
	documents, err := placeDocuments(c, version, main)
	if err != nil {
		return nil, err
	}

	for _, host := range slices.Sorted(maps.Keys(c.Registries.Auth)) {
		auth := c.Registries.Auth[host]

		if version.networkDocuments() {
			login := cri.NewRegistryAuthConfigV1Alpha1(host)
			login.RegistryUsername, login.RegistryPassword = auth.Username, string(auth.Password)
			documents = append(documents, login)

			continue
		}

		registries := &main.MachineConfig.MachineRegistries //nolint:staticcheck // the form 1.11 reads
		put(&registries.RegistryConfig, host, &v1alpha1.RegistryConfig{
			RegistryAuth: &v1alpha1.RegistryAuthConfig{RegistryUsername: auth.Username, RegistryPassword: string(auth.Password)},
		})
	}

	if c.Registries.TrustedRoots != "" {
		roots := security.NewTrustedRootsConfigV1Alpha1()
		roots.MetaName = "registries"
		roots.Certificates = c.Registries.TrustedRoots
		documents = append(documents, roots)
	}

	return documents, nil
}

func put[V any](m *map[string]V, key string, value V) {
	if *m == nil {
		*m = map[string]V{}
	}

	(*m)[key] = value
}

// CheckRoots refuses what is not certificates in PEM form: a private key above all, which would be shown like one.
func CheckRoots(roots string) error {
	rest, count := []byte(roots), 0

	for {
		var block *pem.Block

		if block, rest = pem.Decode(rest); block == nil {
			break
		}

		if block.Type != "CERTIFICATE" {
			return fmt.Errorf("a %s: must be certificates only", strings.ToLower(block.Type))
		}

		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return fmt.Errorf("certificate %d: %w", count+1, err)
		}

		count++
	}

	if count == 0 {
		return errors.New("no certificate in PEM form")
	}

	return nil
}
