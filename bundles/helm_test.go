// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/kube"
	kubefake "helm.sh/helm/v3/pkg/kube/fake"
	"helm.sh/helm/v3/pkg/release"
	"helm.sh/helm/v3/pkg/storage"
	"helm.sh/helm/v3/pkg/storage/driver"
	"k8s.io/client-go/rest"
)

// memoryHelm keeps releases in memory, and sends objects to a client that only counts. The real cluster is the lab's.
type memoryHelm struct {
	*Helm
	cfg    *action.Configuration
	client *failingClient
}

// failingClient fails when told to, and finds no objects in any manifest.
type failingClient struct {
	kubefake.PrintingKubeClient
	err  error
	once error // given instead, a single time
}

func (c *failingClient) Build(io.Reader, bool) (kube.ResourceList, error) {
	if once := c.once; once != nil {
		c.once = nil
		return nil, once
	}
	return kube.ResourceList{}, c.err
}

func newMemoryHelm(t *testing.T) *memoryHelm {
	t.Helper()
	getter, err := newClusterGetter(&rest.Config{Host: "http://127.0.0.1:1"}, "cozy-a")
	require.NoError(t, err)
	client := &failingClient{PrintingKubeClient: kubefake.PrintingKubeClient{Out: io.Discard}}
	memory := driver.NewMemory()
	memory.SetNamespace("cozy-a")
	cfg := &action.Configuration{
		Releases: storage.Init(memory), KubeClient: client, RESTClientGetter: getter,
		Capabilities: chartutil.DefaultCapabilities.Copy(), Log: func(string, ...any) {},
	}
	cfg.Capabilities.KubeVersion = chartutil.KubeVersion{Version: "v1.34.4", Major: "1", Minor: "34"}
	h := &Helm{open: func(string, string) (*action.Configuration, error) { return cfg, nil }}
	return &memoryHelm{Helm: h, cfg: cfg, client: client}
}

// classes is a package of our own with these values.
func classes(values map[string]any) Package {
	return Package{Name: "a", Release: "a", Namespace: "cozy-a", Chart: Chart{Embedded: "priority-classes"}, Values: values}
}

func (m *memoryHelm) install(t *testing.T, values map[string]any) (bool, error) {
	t.Helper()
	archive, err := charts(t).Archive("priority-classes")
	require.NoError(t, err)
	return m.InstallOrUpgrade(t.Context(), classes(values), archive, true, time.Minute)
}

func (m *memoryHelm) newest(t *testing.T) ReleaseStatus {
	t.Helper()
	status, err := m.Status(t.Context(), "a", "cozy-a")
	require.NoError(t, err)
	return status
}

func TestAConnectionThatIsCutFailsNoInstallation(t *testing.T) {
	m := newMemoryHelm(t)
	cut := &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	m.client.once = fmt.Errorf("unexpected error when reading response body. Please retry. Original error: %w", cut)
	changed, err := m.install(t, nil)
	require.NoError(t, err)
	require.True(t, changed)
	require.Equal(t, "deployed", m.newest(t).State)
}

func TestInstallingAgainChangesNothing(t *testing.T) {
	m := newMemoryHelm(t)
	require.Empty(t, m.newest(t).State)
	changed, err := m.install(t, nil)
	require.NoError(t, err)
	require.True(t, changed)
	require.Equal(t, "deployed", m.newest(t).State)
	require.Equal(t, 1, m.newest(t).Revision)
	version, err := charts(t).Version("priority-classes")
	require.NoError(t, err)
	require.Equal(t, version, m.newest(t).ChartVersion)

	changed, err = m.install(t, nil)
	require.NoError(t, err)
	require.False(t, changed)
	require.Equal(t, 1, m.newest(t).Revision)
}

func TestOtherValuesAreAnUpgrade(t *testing.T) {
	m := newMemoryHelm(t)
	for revision, values := range []map[string]any{{"classes": []any{}}, nil, {"classes": []any{}}} {
		changed, err := m.install(t, values)
		require.NoError(t, err)
		require.True(t, changed)
		require.Equal(t, revision+1, m.newest(t).Revision)
		last, err := m.cfg.Releases.Last("a")
		require.NoError(t, err)
		require.Len(t, last.Config, len(values), "a value that was taken away is gone")
	}
}

func TestWhatACrashLeftIsTakenUp(t *testing.T) {
	for _, status := range []release.Status{
		release.StatusPendingInstall, release.StatusPendingUpgrade, release.StatusPendingRollback, release.StatusFailed, release.StatusUnknown,
		release.StatusUninstalling, release.StatusSuperseded,
	} {
		m := newMemoryHelm(t)
		_, err := m.install(t, nil)
		require.NoError(t, err)
		last, err := m.cfg.Releases.Last("a")
		require.NoError(t, err)
		last.SetStatus(status, "")
		require.NoError(t, m.cfg.Releases.Update(last))

		changed, err := m.install(t, nil)
		require.NoError(t, err, status)
		require.True(t, changed, status)
		require.Equal(t, "deployed", m.newest(t).State, status)
		require.Equal(t, 2, m.newest(t).Revision, "%s: upgraded, not installed anew", status)
	}
}

func TestAnUninstalledReleaseIsInstalledAgain(t *testing.T) {
	m := newMemoryHelm(t)
	_, err := m.install(t, nil)
	require.NoError(t, err)
	last, err := m.cfg.Releases.Last("a")
	require.NoError(t, err)
	last.SetStatus(release.StatusUninstalled, "")
	require.NoError(t, m.cfg.Releases.Update(last))
	changed, err := m.install(t, nil)
	require.NoError(t, err)
	require.True(t, changed)
	require.Equal(t, "deployed", m.newest(t).State)
}

func TestAFailureIsNamedAndMended(t *testing.T) {
	m := newMemoryHelm(t)
	m.client.err = errors.New("no such kind")
	_, err := m.install(t, nil)
	require.ErrorContains(t, err, "helm release cozy-a/a: ")
	require.ErrorContains(t, err, "no such kind")
	m.client.err = nil
	_, err = m.install(t, nil)
	require.NoError(t, err)
	require.Equal(t, "deployed", m.newest(t).State)
}

func TestBadValuesAreRefusedByTheChart(t *testing.T) {
	m := newMemoryHelm(t)
	_, err := m.install(t, map[string]any{"clases": 1})
	require.ErrorContains(t, err, "clases")
	require.Empty(t, m.newest(t).State, "nothing is stored of it")
}

func TestHistoryIsBounded(t *testing.T) {
	m := newMemoryHelm(t)
	for i := range 2 * maxHistory {
		_, err := m.install(t, map[string]any{"classes": []any{map[string]any{"name": "x", "value": i, "description": "x"}}})
		require.NoError(t, err)
	}
	history, err := m.cfg.Releases.History("a")
	require.NoError(t, err)
	require.Len(t, history, maxHistory)
}

func TestABrokenArchiveIsRefused(t *testing.T) {
	_, err := newMemoryHelm(t).InstallOrUpgrade(t.Context(), classes(nil), []byte("x"), true, time.Minute)
	require.ErrorContains(t, err, "load chart priority-classes")
}

func TestReleaseDigestSeparatesItsParts(t *testing.T) {
	digest := func(archive string, values map[string]any) string {
		out, err := releaseDigest([]byte(archive), Package{Values: values})
		require.NoError(t, err)
		require.Len(t, out, 32)
		return out
	}
	base := digest("a", map[string]any{"x": 1, "y": 2})
	require.Equal(t, base, digest("a", map[string]any{"y": 2, "x": 1}))
	require.NotEqual(t, base, digest("b", map[string]any{"x": 1, "y": 2}))
	require.NotEqual(t, base, digest("a", map[string]any{"x": 1}))
}

func TestHelmStatesBecomeOurs(t *testing.T) {
	for state, want := range map[string]State{
		"": StateAbsent, "uninstalled": StateAbsent, "deployed": StateReady, "failed": StateFailed,
		"pending-install": StateInstalling, "pending-upgrade": StateInstalling,
	} {
		require.Equal(t, want, helmState(state), state)
	}
}
