// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/manifests"
)

// trial is a chart with one DaemonSet on the host and one CRD, for a repository.
func trialRepository(t *testing.T) *httptest.Server {
	t.Helper()
	own := charts(t)
	archive, err := own.Pack(map[string][]byte{
		"Chart.yaml":              []byte("{apiVersion: v2, name: agent, version: 1.2.3}"),
		"values.yaml":             []byte("image: a"),
		"crds/things.yaml":        []byte("apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: " + things + "}\n"),
		"templates/agent.yaml":    []byte(agentTemplate),
		"templates/nothing.yaml":  []byte("{{ if .Values.never }}a: b{{ end }}"),
		"templates/hook-job.yaml": []byte(hookTemplate),
	})
	require.NoError(t, err)
	repository, err := own.With(archive)
	require.NoError(t, err)
	server := httptest.NewServer(repository)
	t.Cleanup(server.Close)
	return server
}

const agentTemplate = `apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec:
  template:
    spec:
      initContainers: [{name: i, image: init}]
      containers: [{name: c, image: "{{ .Values.image }}"}]
      volumes: [{name: v, hostPath: {path: /}}]
`

const hookTemplate = `apiVersion: batch/v1
kind: Job
metadata: {name: hook, annotations: {helm.sh/hook: pre-install}}
spec: {template: {spec: {containers: [{name: c, image: hook}]}}}
`

func TestVerifyHoldsWhatAChartRendersAgainstItsPackage(t *testing.T) {
	server := trialRepository(t)
	shelf := NewShelf(charts(t), server.Client())
	right := Package{
		Name: "agent", Release: "agent", Namespace: "cozy-agent", Privileged: true, Images: []string{"a", "init", "hook", "operand"},
		Provides: []CRD{{things, FromChart}, {"others.example.org", FromRuntime}},
		Chart:    Chart{Repository: server.URL, Name: "agent", Version: "1.2.3"},
	}
	for name, test := range map[string]struct {
		change func(p *Package)
		state  string
		want   string
	}{
		"as it says":     {func(*Package) {}, VerifiedRendered, ""},
		"not privileged": {func(p *Package) { p.Privileged = false }, VerifiedWrong, "DaemonSet agent mounts a path of the host, and namespace cozy-agent is not privileged"},
		"unlisted image": {func(p *Package) { p.Images = p.Images[1:] }, VerifiedWrong, "uses image a, which the package does not list"},
		"unlisted hook":  {func(p *Package) { p.Images = []string{"a", "init"} }, VerifiedWrong, "uses image hook"},
		"unnamed CRD":    {func(p *Package) { p.Provides = nil }, VerifiedWrong, "brings CRD " + things + ", which the package does not name"},
		"missing CRD":    {func(p *Package) { p.Provides = append(p.Provides, CRD{"x.example.org", FromChart}) }, VerifiedWrong, "brings no CRD x.example.org"},
		"idle patch": {func(p *Package) {
			p.Patches = []Patch{{Target: PatchTarget{Kind: "Deployment"}, Patch: "- {op: add, path: /a, value: b}"}}
		}, VerifiedWrong, "the chart renders no Deployment"},
		"another version": {func(p *Package) { p.Chart.Version = "1.2.4" }, VerifiedUnreachable, "agent 1.2.4: not there"},
		"nobody there":    {func(p *Package) { p.Chart.Repository = "http://127.0.0.1:1" }, VerifiedUnreachable, "connection refused"},
	} {
		p := right
		test.change(&p)
		verdicts := Verify(t.Context(), shelf, &Plan{Bundle: "b", Packages: []Package{p}}, "v1.34.4")
		require.Len(t, verdicts, 1, name)
		require.Equal(t, test.state, verdicts[0].State, "%s: %v", name, verdicts[0].Problems)
		require.True(t, verdicts[0].Unpinned, name)
		if test.want != "" {
			require.Contains(t, verdicts[0].Problems[0], test.want, name)
		}
	}
}

func TestOurOwnChartsArePinned(t *testing.T) {
	names := charts(t).Names()
	require.Contains(t, names, "cozy-controller")
	version, err := manifests.ChartVersion("priority-classes")
	require.NoError(t, err)
	p := Package{Name: "priority-classes", Release: "x", Namespace: "x", Chart: Chart{Embedded: "priority-classes", Version: version}}
	verdicts := Verify(t.Context(), NewShelf(charts(t), nil), &Plan{Packages: []Package{p}}, "v1.34.4")
	require.Equal(t, []Verdict{{Package: "priority-classes", State: VerifiedRendered}}, verdicts)
}
