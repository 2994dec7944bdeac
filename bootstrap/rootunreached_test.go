// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/lab/operatorsim"
)

// TestTenantRootIsNotDoneWhereSomebodyElseAnswers runs the phase with services that are ready, against a real server.
func TestTenantRootIsNotDoneWhereSomebodyElseAnswers(t *testing.T) {
	for name, tt := range map[string]struct {
		handler http.Handler
		change  func(*testing.T, *rootWorld)
		want    string
	}{
		"nobody": {nil, func(_ *testing.T, w *rootWorld) { w.site.Close() }, "connection refused"},
		"another issuer": {nil, func(t *testing.T, w *rootWorld) {
			t.Helper()
			other, err := operatorsim.NewSite("example.org", nil)
			require.NoError(t, err)
			other.Close()
			require.NoError(t, os.WriteFile(w.bringup.site.File("authority.pem"), other.Authority, 0o600))
		}, "signed by unknown authority"},
		"another body": {http.NotFoundHandler(), func(*testing.T, *rootWorld) {}, "and not with the ingress's own page"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newRootWorld(t, rootSite, tt.handler)
			tt.change(t, w)
			w.opts.NodeTimeout = 3 * time.Second
			err := w.run(t, &operatorsim.Simulation{})
			unreached := (*UnreachedRootError)(nil)
			require.ErrorAs(t, err, &unreached)
			require.ErrorContains(t, err, tt.want)
			require.Empty(t, w.root.URL, "nothing is offered that does not answer")
			require.Empty(t, w.root.Kubeconfig)
		})
	}
}
