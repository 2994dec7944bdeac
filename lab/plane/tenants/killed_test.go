// SPDX-License-Identifier: Apache-2.0

package tenants

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/policy"
)

// How often the controller is killed, and what it is killed at; make soak-tenants asks for more.
var (
	kills = flag.Int("kills", 4, "at how many random moments the controller is killed while tenants are made and deleted")
	seed  = flag.Uint64("seed", 0, "makes the tenants and the moments; 0: others each time")
)

const (
	killsPerForest = 4
	// longestLife is how long a controller lives at most: with fewer it would be done before it is killed.
	longestLife = 4 * time.Second
)

// Controllers share one plane here, and tenants are isolated by what a cluster without Cilium has.
func TestControllerThatIsKilledGoesOn(t *testing.T) {
	from := *seed
	if from == 0 {
		from = rand.Uint64()
	}

	t.Logf("the tenants and the moments are those of -seed %d -kills %d", from, *kills)
	random := rand.New(rand.NewPCG(from, 0))

	w := newWorld(t)
	site := w.knowSite(t)

	for _, chart := range []string{"cozy-controller", "tenant-api", "tenant-roles", "tenant-admission"} {
		w.install(t, chart)
	}

	w.serveServices(t)
	w.createKind(t, v1alpha1.GroupVersion.WithKind("Postgres"), "postgreses")
	w.startController(t)
	w.awaitControllerReady(t, w.charts) // no tenant is there to be known
	w.rootIsAdopted(t)

	require.True(t, t.Run("tenants are deleted as they are made", w.nothingIsLost))
	require.True(t, t.Run("standby takes over", w.standbyTakesOver))

	for left := *kills; left > 0; left -= killsPerForest {
		if !t.Run("tenants are made and deleted", func(t *testing.T) { w.forestConverges(t, random, site, min(left, killsPerForest)) }) {
			break
		}
	}

	w.stopController(t)
}

func (w *world) forestConverges(t *testing.T, random *rand.Rand, site policy.Site, kills int) {
	t.Helper()

	begun := time.Now()
	f := newForest(t, w.inHaste(t), random)
	f.grow(t)
	f.operate(t)

	for range kills {
		lives := time.Duration(random.Int64N(int64(longestLife)))
		time.Sleep(lives)
		t.Logf("%v: kill after %v; %s", time.Since(begun).Round(time.Millisecond), lives.Round(time.Millisecond), f)
		w.killAndStart(t)
	}

	f.awaitGrown(t)
	t.Logf("%v: all was asked for; %s", time.Since(begun).Round(time.Millisecond), f)
	f.awaitConverged(t)
	t.Logf("%v: converged", time.Since(begun).Round(time.Millisecond))
	f.awaitExact(t, site)
	f.noticesWhatIsTooMuch(t, site)
	w.restartWritesNothing(t)
	f.fell(t)
	t.Logf("%v: all gone", time.Since(begun).Round(time.Millisecond))
	f.awaitExact(t, site)
}

// killAndStart starts the next controller at once. The lease that the dead one left would keep it waiting, which
// standbyTakesOver looks at.
func (w *world) killAndStart(t *testing.T) {
	t.Helper()
	w.controller.kill(t)

	left := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: systemNamespace, Name: "cozy-controller"}}
	require.NoError(t, client.IgnoreNotFound(w.client.Delete(t.Context(), left)), "one that lived for a moment has left none")
	w.startController(t)
}

// knowSite writes the file of a site for the controllers.
func (w *world) knowSite(t *testing.T) policy.Site {
	t.Helper()

	site := policy.Site{
		Enforces: policy.EnforcesKubernetes,
		Nodes:    []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")},
		Pods:     []netip.Prefix{netip.MustParsePrefix("10.244.0.0/16")},
		Services: []netip.Prefix{netip.MustParsePrefix("10.96.0.0/16")},
		API:      []netip.Addr{netip.MustParseAddr("192.0.2.10")},
		APIPort:  6443, ClusterDomain: "cozy.local",
	}

	text, err := json.Marshal(site)
	require.NoError(t, err)

	path := filepath.Join(t.TempDir(), "site.json")
	require.NoError(t, os.WriteFile(path, text, 0o600))

	w.flags = append(w.flags, fmt.Sprintf("--site=%s", path))

	return site
}
