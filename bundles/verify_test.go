// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"net/http/httptest"
	"slices"
	"strings"
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
		"templates/hook-crd.yaml": []byte(hookCRDTemplate),
		"templates/test-pod.yaml": []byte(testTemplate),
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

// What a hook of the chart applies before the release, as kubectl apply does with a mounted ConfigMap.
const hookCRDTemplate = `apiVersion: v1
kind: ConfigMap
metadata: {name: crds, annotations: {"helm.sh/hook": "pre-install,pre-upgrade"}}
data:
  late.yaml: |
    {apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: late.example.org}}
`

const testTemplate = `apiVersion: v1
kind: Pod
metadata: {name: test, annotations: {"helm.sh/hook": test-success}}
spec: {containers: [{name: c, image: tester}], hostNetwork: true}
`

func TestVerifyHoldsWhatAChartRendersAgainstItsPackage(t *testing.T) {
	server := trialRepository(t)
	shelf := NewShelf(charts(t), server.Client())
	right := Package{
		Name: "agent", Release: "agent", Namespace: "cozy-agent", Privileged: true, Images: []string{"a", "init", "hook", "operand"},
		Provides: []CRD{{things, FromChart}, {"late.example.org", FromChart}, {"others.example.org", FromRuntime}},
		Chart:    Chart{Repository: server.URL, Name: "agent", Version: "1.2.3"},
	}
	for name, test := range map[string]struct {
		change func(p *Package)
		state  string
		want   string
	}{
		"as it says":     {func(*Package) {}, VerifiedRendered, ""},
		"not privileged": {func(p *Package) { p.Privileged = false }, VerifiedWrong, `DaemonSet agent: hostPath volumes (volume "v"), and namespace cozy-agent is not privileged`},
		"a whole name":   {func(p *Package) { p.Images[0] = "docker.io/library/a:latest" }, VerifiedRendered, ""},
		"unlisted image": {func(p *Package) { p.Images = p.Images[1:] }, VerifiedWrong, "uses image docker.io/library/a:latest, which the package does not list"},
		"unlisted hook":  {func(p *Package) { p.Images = []string{"a", "init"} }, VerifiedWrong, "uses image docker.io/library/hook:latest"},
		"unnamed CRD":    {func(p *Package) { p.Provides = p.Provides[1:] }, VerifiedWrong, "brings CRD " + things + ", which the package does not name"},
		"missing CRD":    {func(p *Package) { p.Provides = append(p.Provides, CRD{"x.example.org", FromChart}) }, VerifiedWrong, "brings no CRD x.example.org"},
		"idle patch": {func(p *Package) {
			p.Patches = []Patch{{Target: PatchTarget{Kind: "Deployment"}, Patch: "- {op: add, path: /a, value: b}"}}
		}, VerifiedWrong, "the chart renders no Deployment"},
		"another version": {func(p *Package) { p.Chart.Version = "1.2.4" }, VerifiedUnreachable, "agent 1.2.4: not there"},
		"nobody there":    {func(p *Package) { p.Chart.Repository = "http://127.0.0.1:1" }, VerifiedUnreachable, "connection refused"},
	} {
		p := right
		p.Images = slices.Clone(right.Images)
		test.change(&p)
		verdicts := verified(t, shelf, &Plan{Bundle: "b", Packages: []Package{p}})
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
	verdicts := verified(t, NewShelf(charts(t), nil), &Plan{Packages: []Package{p}})
	require.Equal(t, []Verdict{{Package: "priority-classes", State: VerifiedRendered}}, verdicts)
}

func TestPodsAreJudgedAsAPIServersDo(t *testing.T) {
	checks, err := newPodChecks()
	require.NoError(t, err)
	for spec, want := range map[string]string{
		"{containers: [{name: c, securityContext: {capabilities: {drop: [ALL]}}}]}":                                   "",
		"{containers: [{name: c, ports: [{containerPort: 80, hostPort: 80}]}]}":                                       "hostPort (",
		"{containers: [{name: c}], initContainers: [{name: i, securityContext: {capabilities: {add: [NET_ADMIN]}}}]}": "non-default capabilities (",
		"{containers: [{name: c}], hostPID: true}":                                                                    "host namespaces (hostPID=true)",
		"{containers: [{name: c, securityContext: {privileged: true}}]}":                                              "privileged (",
		"{containers: [{name: c, ports: [{containerPort: eighty}]}]}":                                                 "has pods that can't be read",
	} {
		for form, text := range map[string]string{
			"Deployment": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec: {template: {spec: " + spec + "}}\n",
			"CronJob":    "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: x}\nspec: {jobTemplate: {spec: {template: {spec: " + spec + "}}}}\n",
			"Pod":        "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: " + spec + "\n",
		} {
			objects, err := objectsOf(text)
			require.NoError(t, err)
			said := strings.Join(beyondBaseline(checks, objects), "; ")
			if want == "" {
				require.Empty(t, said, form)
				continue
			}
			require.Contains(t, said, want, form)
			require.Contains(t, said, form+" x", form)
		}
	}
}
