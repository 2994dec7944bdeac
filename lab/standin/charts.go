// SPDX-License-Identifier: Apache-2.0

package standin

import (
	"context"
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
func Repository(
	ctx context.Context, plan *bundles.Plan, own *manifests.Repository, changed map[string]map[string]string,
) (*manifests.Repository, error) {
	kinds, err := kindsOf(ctx, plan, own)
	if err != nil {
		return nil, err
	}
	var archives [][]byte
	for _, p := range plan.Packages {
		if p.Chart.Embedded != "" {
			continue
		}
		files, err := kinds.chart(p, programOf(p, plan.IsCore(p.Name)))
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

// chart is the files of one stand-in; program is nil for one that runs nothing.
func (k kinds) chart(p bundles.Package, program map[string]any) (map[string][]byte, error) {
	meta, err := yaml.Marshal(map[string]any{
		"apiVersion": "v2", "name": p.Chart.Name, "version": p.Chart.Version,
		"description": "A stand-in made by the lab. It is not the chart of that name.",
	})
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{"Chart.yaml": meta, "values.yaml": []byte("{}\n")}
	for _, crd := range p.Provides {
		if crd.From == bundles.FromRuntime {
			continue
		}
		if files["crds/"+crd.Name+".yaml"], err = yaml.Marshal(k.definition(crd.Name)); err != nil {
			return nil, err
		}
	}
	var objects []map[string]any
	if program != nil {
		objects = append(objects, program)
	}
	objects = append(objects, patchedBy(p)...)
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

// programOf plays the package's program: it runs, and does nothing. Its image can't be pulled anywhere. A network plugin runs
// on every node and makes it ready; what else the core has runs nothing, since no pod starts before there is a network.
func programOf(p bundles.Package, isCore bool) map[string]any {
	isCNI := p.Talos.CNI != ""
	if isCore && !isCNI {
		return nil
	}
	labels := map[string]any{Label: p.Name}
	metadata := map[string]any{"name": p.Name, "labels": labels}
	if runtime := registeredBy(p); len(runtime) > 0 {
		metadata["annotations"] = map[string]any{registers: strings.Join(runtime, ",")}
	}
	pod := map[string]any{
		"containers":  []any{map[string]any{"name": "stand-in", "image": "stand-in.lab.invalid/" + p.Name + ":0"}},
		"tolerations": []any{map[string]any{"operator": "Exists"}},
	}
	template := map[string]any{"metadata": map[string]any{"labels": maps.Clone(labels)}, "spec": pod}
	spec := map[string]any{"selector": map[string]any{"matchLabels": labels}, "template": template}
	if !isCNI {
		spec["replicas"] = 1
		return map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}
	}
	pod["hostNetwork"] = true
	template["metadata"] = map[string]any{"labels": map[string]any{Label: p.Name, "app.kubernetes.io/component": "cni"}}
	return map[string]any{"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": metadata, "spec": spec}
}

// registeredBy are the CRDs that a program registers for the package when it runs.
func registeredBy(p bundles.Package) []string {
	var out []string
	for _, crd := range p.Provides {
		if crd.From == bundles.FromRuntime {
			out = append(out, crd.Name)
		}
	}
	return out
}
