// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	ociregistry "github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bundles/archive"
	"github.com/cozystack/cozy-install/talos"
)

// A factory of one's own may want a login, and nodes know the installer by its schematic.
func TestTheFactorysLoginIsLentForTheInstallerOfTheSite(t *testing.T) {
	whole, isClosed := ociregistry.New(ociregistry.Logger(log.New(io.Discard, "", 0))), false
	factory := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); isClosed && user+":"+password != "puller:secret" {
			w.Header().Set("Www-Authenticate", `Basic realm="x"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		whole.ServeHTTP(w, r)
	}))
	t.Cleanup(factory.Close)
	host := strings.TrimPrefix(factory.URL, "http://")
	password := filepath.Join(t.TempDir(), "password")
	require.NoError(t, os.WriteFile(password, []byte("secret\n"), 0o600))
	s := parseSite(t, "", "")
	s.Talos.Factory, s.Talos.Extensions = factory.URL, []string{"siderolabs/iscsi-tools"}
	s.Registries.Auth = map[string]site.RegistryAuth{host: {Username: "puller", PasswordFile: password}}
	plan, err := ResolveBundle(s, "")
	require.NoError(t, err)
	schematic, _, err := talos.Schematic(requirements(plan.Talos), s.Talos.Extensions, s.Talos.KernelArgs)
	require.NoError(t, err)
	image, err := random.Image(100, 1)
	require.NoError(t, err)
	for _, repository := range []string{schematic, "another"} {
		at, err := name.ParseReference(host + "/metal-installer/" + repository + ":v1.2.3")
		require.NoError(t, err)
		require.NoError(t, remote.Write(at, image))
	}
	isClosed = true

	upstream, err := RegistryOptions{PullThrough: true, Site: s, Allow: archive.Exceptions{PlainLogin: []string{host}}}.upstream()
	require.NoError(t, err)
	t.Cleanup(upstream.Close)
	store, err := archive.OpenStore(t.Context(), filepath.Join(t.TempDir(), "store"), nil)
	require.NoError(t, err)
	bastion := httptest.NewServer(archive.NewRegistry(t.Context(), store, upstream, nil))
	t.Cleanup(bastion.Close)
	for repository, want := range map[string]int{schematic: http.StatusOK, "another": http.StatusBadGateway} {
		answer, err := http.Get(bastion.URL + "/v2/" + archive.HostFolder(host) + "/metal-installer/" + repository + "/manifests/v1.2.3")
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		require.Equal(t, want, answer.StatusCode, repository)
	}
}
