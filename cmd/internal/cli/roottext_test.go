// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap"
)

func TestWhatTenantRootOffersIsSaid(t *testing.T) {
	require.Empty(t, rootText(nil))
	require.Equal(t, "\nThe URL of tenant-root was not asked for: no ingress.\n", rootText(&bootstrap.Root{Unpublished: "no ingress"}))
	require.Equal(t, `
https://example.org answers at 192.0.2.7:443: HTTP status 200. Its certificate is by CN=site.
Not at every published address: get https://example.org at 192.0.2.8:443: connection refused.
Create these DNS records:

  example.org. A 192.0.2.7

The first administrator of tenant-root has access for a day with:

  export KUBECONFIG=work/tenant-root.kubeconfig
`, rootText(&bootstrap.Root{
		URL: "https://example.org", Address: "192.0.2.7:443", Answer: "HTTP status 200", Issuer: "CN=site",
		Silent:     []string{"get https://example.org at 192.0.2.8:443: connection refused"},
		Records:    []bootstrap.DNSRecord{{Name: "example.org", Type: "A", Value: "192.0.2.7"}},
		Kubeconfig: "work/tenant-root.kubeconfig",
	}))
}
