// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bundles/archive"
)

const existingText = `
apiVersion: install.cozystack.io/v1alpha1
kind: Site
metadata: {name: hosted}
domain: example.org
bundle: distro-hosted
cluster: {kubeconfig: missing}
`

func parseExisting(t *testing.T, more string) *site.Site {
	t.Helper()
	s, err := site.Parse("site.yaml", []byte(existingText+more))
	require.NoError(t, err)
	return s
}

func TestAnExistingClusterIsNotLeftWithAnImageThatIsNowhere(t *testing.T) {
	var none *NoControllerImageError
	_, err := Up(t.Context(), Options{Site: parseExisting(t, ""), WorkDir: t.TempDir()})
	require.ErrorAs(t, err, &none)
	require.Contains(t, none.Hint(), "cozy-install image push")
	_, err = Plan(t.Context(), Options{Site: parseExisting(t, ""), WorkDir: t.TempDir()})
	require.ErrorAs(t, err, &none)

	named := "packages: {values: {cozy-controller: {image: example.org/controller:site}}}"
	for _, o := range []Options{
		{Site: parseExisting(t, named)}, {Site: parseExisting(t, ""), ControllerImage: "example.org/controller:flag"},
	} {
		_, err = o.withControllerImage(t.Context())
		require.NoError(t, err)
	}
}

func TestThePlanListsTheImageThatIsInstalled(t *testing.T) {
	named := "packages: {values: {cozy-controller: {image: example.org/controller:site, replicas: 2}}}"
	for _, tc := range []struct{ site, flag, want string }{
		{"", "example.org/controller:flag", "example.org/controller:flag"},
		{named, "", "example.org/controller:site"},
		{named, "example.org/controller:flag", "example.org/controller:flag"},
	} {
		s := parseExisting(t, tc.site)
		plan, err := ResolveBundle(s, tc.flag)
		require.NoError(t, err)
		found := false
		for _, p := range plan.Packages {
			if p.Name != controllerPackage {
				continue
			}
			found = true
			require.Equal(t, tc.want, p.Values["image"])
			require.Equal(t, []string{tc.want}, p.Images)
			if tc.site != "" {
				require.EqualValues(t, 2, p.Values["replicas"], "the rest of the site's values stays")
			}
		}
		require.True(t, found)
		require.Equal(t, tc.site != "", siteControllerImage(s) != "", "the site is not changed")
	}
}

// Where the bastion serves images, the controller's is one of them: its machine configs name the place.
func TestWithTheBastionsRegistryTheImageIsMadeOfTheProgramsBesideIt(t *testing.T) {
	s := parseSite(t, "", "")
	s.Registries.Bastion = &site.BastionRegistry{Address: "192.168.1.10:5000"}
	require.Equal(t, archive.ControllerRepository, controllerFact(s, ""))

	_, err := Options{Site: s, ControllerBinaries: archive.ControllerBinaries{Dir: t.TempDir()}}.withControllerImage(t.Context())
	var missing *archive.BinariesError
	require.ErrorAs(t, err, &missing)
}
