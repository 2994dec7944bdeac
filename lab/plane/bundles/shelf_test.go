// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"testing/fstest"

	"k8s.io/client-go/rest"

	"github.com/cozystack/cozy-install/bundles"
	"github.com/cozystack/cozy-install/manifests"
)

const (
	platform = "distro-full" // one of the bundles the program comes with; everything_test.go has all
	trial    = "trial"       // the one made up here

	// Editions of the trial's charts: an upgrade of the program brings other charts.
	firstEdition  = "first edition"
	secondEdition = "second edition"

	trialNamespace = "cozy-trial"
	elsewhere      = "cozy-elsewhere" // a namespace that nobody makes
)

// shelf is what there is to install: the platform's packages and charts, and the trial's.
type shelf struct {
	catalog *bundles.Catalog
	charts  *manifests.Repository
	source  string // of charts that are not ours; empty: nothing can be downloaded
}

func newShelf(edition string) (*shelf, error) {
	return shelfWith(trialPackages(), trialCharts(edition))
}

// shelfWith has the platform's packages and charts, and these.
func shelfWith(ours, ourCharts fs.FS) (*shelf, error) {
	packages, err := together(bundles.Data(), ours)
	if err != nil {
		return nil, err
	}
	charts, err := together(manifests.Charts(), ourCharts)
	if err != nil {
		return nil, err
	}
	s := &shelf{}
	if s.catalog, err = bundles.Load(packages); err != nil {
		return nil, err
	}
	s.charts, err = manifests.NewRepository(charts)
	return s, err
}

func (s *shelf) plan(ctx context.Context, bundle string, values map[string]map[string]any) (*bundles.Plan, error) {
	return s.resolve(ctx, bundle, bundles.Choices{Values: values})
}

// resolve makes a plan of choices, with its charts where they can be had.
func (s *shelf) resolve(ctx context.Context, bundle string, choices bundles.Choices) (*bundles.Plan, error) {
	choices.Charts, choices.Facts = s.charts, siteFacts()
	plan, err := bundles.Resolve(s.catalog, bundle, choices)
	if err != nil || s.source == "" {
		return plan, err
	}
	return plan, s.shelf().Redirect(ctx, plan, s.source)
}

func (s *shelf) core(config *rest.Config) (*bundles.Core, error) {
	return bundles.NewCore(config, s.shelf(), nil)
}

func (s *shelf) shelf() *bundles.Shelf {
	if s.source != "" {
		return bundles.NewShelf(s.charts, nil)
	}
	return bundles.NewShelf(s.charts, &http.Client{Transport: noWeb{}})
}

// siteFacts are those of some site on the plane.
func siteFacts() bundles.Facts {
	return bundles.Facts{
		bundles.FactDomain: "example.org", bundles.FactClusterDomain: "cozy.local", bundles.FactPodSubnet: "10.244.0.0/16",
		bundles.FactNodePodSubnet: "10.244.0.0/16", bundles.FactServiceSubnet: "127.96.0.0/16", bundles.FactJoinSubnet: "100.64.0.0/16",
		bundles.FactControlPlaneAddresses: "10.77.0.11,10.77.0.12,10.77.0.13", bundles.FactNodeSubnet: "10.77.0.0/24",
		bundles.FactPodGateway: "10.244.0.1", bundles.FactAPIServerEndpoint: "https://10.77.0.10:6443",
		bundles.FactLoadBalancerPools: []any{"10.77.1.0/24"}, bundles.FactReplicas: 3, bundles.FactStorageClass: "",
		bundles.FactKubernetesVersion: "v1.34.4",
		bundles.FactStoragePools:      []any{map[string]any{"node": "node0", "devices": []any{"/dev/disk/by-id/disk0"}}},
	}
}

// noWeb refuses every download: what is present must not be fetched.
type noWeb struct{}

func (noWeb) RoundTrip(r *http.Request) (*http.Response, error) {
	return nil, errors.New("nothing is to be downloaded, but this was asked for: " + r.URL.String())
}

// together is a file system with the files of all.
func together(all ...fs.FS) (fstest.MapFS, error) {
	out := fstest.MapFS{}
	for _, one := range all {
		if err := fs.WalkDir(one, ".", func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			data, err := fs.ReadFile(one, path)
			out[path] = &fstest.MapFile{Data: data}
			return err
		}); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// trialPackages: base is the core; first, second and third are a chain; side and top a branch of their own; far stands
// alone.
func trialPackages() fstest.MapFS {
	out := fstest.MapFS{"sets/trial.yaml": {Data: []byte(trialSet)}}
	for name, more := range map[string]string{
		"base":   "chart: {embedded: trial-base}\nprovides: [{name: trials.example.org, from: chart}]\npresence: [base]\n",
		"first":  "chart: {embedded: trial}\ndependsOn: [base]\nneeds: [trials.example.org]\n",
		"second": "chart: {embedded: trial}\ndependsOn: [first]\n",
		"third":  "chart: {embedded: trial}\ndependsOn: [second]\n",
		"side":   "chart: {embedded: trial}\n",
		"top":    "chart: {embedded: trial}\ndependsOn: [side]\n",
		"far":    "chart: {embedded: trial}\nvalues: {elsewhere: " + elsewhere + "}\n",
	} {
		out["packages/"+name+".yaml"] = &fstest.MapFile{Data: []byte(
			"name: " + name + "\ntitle: T\nnamespace: " + trialNamespace + "\nhealth: {timeout: 2m}\n" + more)}
	}
	return out
}

const trialSet = `
name: trial
title: Trial
platform: talos
core: [base]
layers:
  - name: all
    packages: [{name: base}, {name: third}, {name: second}, {name: first}, {name: side}, {name: top}, {name: far}]
`

func trialCharts(edition string) fstest.MapFS {
	out := fstest.MapFS{}
	for name, templates := range map[string]string{"trial": trialTemplates, "trial-base": trialCRD} {
		out[name+"/Chart.yaml"] = &fstest.MapFile{Data: []byte("apiVersion: v2\nname: " + name + "\nversion: 0.1.0\n")}
		out[name+"/values.yaml"] = &fstest.MapFile{Data: []byte("word: none\nport: 80\nelsewhere: ''\nextra: {given: by the chart}\n")}
		out[name+"/templates/all.yaml"] = &fstest.MapFile{Data: []byte(templates + trialDeployment)}
		out[name+"/templates/edition.yaml"] = &fstest.MapFile{Data: []byte(
			"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: '{{ .Release.Name }}-edition'}\ndata: {edition: " + edition + "}\n")}
	}
	return out
}

// trialTemplates can be broken by a port that no Service can have, and by a namespace that is not there. Helm makes the
// ConfigMap before it gets to the Service.
const trialTemplates = `
apiVersion: v1
kind: ConfigMap
metadata: {name: '{{ .Release.Name }}'}
data: {word: '{{ .Values.word }}', given: '{{ .Values.extra.given }}'}
---
apiVersion: v1
kind: Service
metadata: {name: '{{ .Release.Name }}'}
spec: {clusterIP: None, selector: {app: '{{ .Release.Name }}'}, ports: [{port: {{ .Values.port }}}]}
{{- with .Values.elsewhere }}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: '{{ $.Release.Name }}', namespace: '{{ . }}'}
{{- end }}
---
`

const trialCRD = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: trials.example.org}
spec:
  group: example.org
  names: {kind: Trial, plural: trials}
  scope: Namespaced
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]
---
`

const trialDeployment = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: '{{ .Release.Name }}'}
spec:
  selector: {matchLabels: {app: '{{ .Release.Name }}'}}
  template:
    metadata: {labels: {app: '{{ .Release.Name }}', word: '{{ .Values.word }}'}}
    spec: {containers: [{name: main, image: none}]}
`
