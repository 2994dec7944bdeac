// SPDX-License-Identifier: Apache-2.0

package standin

import (
	"fmt"
	"maps"
	"strings"
	"testing/fstest"

	"sigs.k8s.io/yaml"

	"github.com/cozystack/cozy-install/bundles"
	"github.com/cozystack/cozy-install/manifests"
)

const (
	// Label is on every Deployment of a stand-in, with the name of its package.
	Label = "lab.cozystack.io/stand-in"
	// registers is an annotation of a Deployment: the CRDs, by name and comma, that the program of a real one would register
	// when it runs. See Registrar.
	registers = "lab.cozystack.io/registers"
)

// Repository is a chart repository with a stand-in for every package of the plan whose chart is not one of own. Changed
// gives a package's stand-in other files beside or instead of its own, by their paths in the chart; nil: none.
func Repository(plan *bundles.Plan, own *manifests.Repository, changed map[string]map[string]string) (*manifests.Repository, error) {
	kinds, err := kindsOf(own)
	if err != nil {
		return nil, err
	}
	var archives [][]byte
	for _, p := range plan.Packages {
		if p.Chart.Embedded != "" {
			continue
		}
		files, err := kinds.chart(p)
		if err != nil {
			return nil, fmt.Errorf("stand-in for the chart of %s: %w", p.Name, err)
		}
		for path, content := range changed[p.Name] {
			files[path] = []byte(content)
		}
		archive, err := own.Pack(files)
		if err != nil {
			return nil, fmt.Errorf("stand-in for the chart of %s: %w", p.Name, err)
		}
		archives = append(archives, archive)
	}
	empty, err := manifests.NewRepository(fstest.MapFS{})
	if err != nil {
		return nil, err
	}
	return empty.With(archives...)
}

// chart is the files of one stand-in.
func (k kinds) chart(p bundles.Package) (map[string][]byte, error) {
	meta, err := yaml.Marshal(map[string]any{
		"apiVersion": "v2", "name": p.Chart.Name, "version": p.Chart.Version,
		"description": "A stand-in made by the lab. It is not the chart of that name.",
	})
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{"Chart.yaml": meta, "values.yaml": []byte("{}\n")}
	var runtime []string
	for _, crd := range p.Provides {
		if crd.From == bundles.FromRuntime {
			runtime = append(runtime, crd.Name)
			continue
		}
		if files["crds/"+crd.Name+".yaml"], err = yaml.Marshal(k.definition(crd.Name)); err != nil {
			return nil, err
		}
	}
	objects := []map[string]any{deployment(p, runtime)}
	for _, crd := range p.Needs {
		objects = append(objects, k.object(crd, p.Name))
	}
	for i, object := range objects {
		if files[fmt.Sprintf("templates/%02d.yaml", i)], err = yaml.Marshal(object); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// deployment plays the package's program: it runs, and does nothing. Its image can't be pulled anywhere.
func deployment(p bundles.Package, runtime []string) map[string]any {
	labels := map[string]any{Label: p.Name}
	metadata := map[string]any{"name": p.Name, "labels": labels}
	if len(runtime) > 0 {
		metadata["annotations"] = map[string]any{registers: strings.Join(runtime, ",")}
	}
	return map[string]any{
		"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata,
		"spec": map[string]any{
			"replicas": 1, "selector": map[string]any{"matchLabels": labels},
			"template": map[string]any{
				"metadata": map[string]any{"labels": maps.Clone(labels)},
				"spec": map[string]any{
					"containers":  []any{map[string]any{"name": "stand-in", "image": "stand-in.lab.invalid/" + p.Name + ":0"}},
					"tolerations": []any{map[string]any{"operator": "Exists"}},
				},
			},
		},
	}
}
