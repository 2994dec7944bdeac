// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"bytes"
	"fmt"
	"regexp"

	helmv2 "github.com/fluxcd/helm-controller/api/v2"
	"github.com/fluxcd/pkg/apis/kustomize"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resmap"
	kustomizetypes "sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/kustomize/kyaml/resid"
	"sigs.k8s.io/yaml"
)

// patcher applies a package's patches to what its chart renders, for the Helm SDK. Flux does the same with postRenderers.
type patcher struct{ patches []Patch }

// Run implements Helm's post-renderer. A patch that matches nothing is an error: it would go unnoticed with the next version
// of a chart.
func (p patcher) Run(rendered *bytes.Buffer) (*bytes.Buffer, error) {
	if len(p.patches) == 0 {
		return rendered, nil
	}
	const file = "rendered.yaml"
	disk := filesys.MakeFsInMemory()
	if err := disk.WriteFile(file, rendered.Bytes()); err != nil {
		return nil, err
	}
	recipe := kustomizetypes.Kustomization{Resources: []string{file}}
	for _, patch := range p.patches {
		recipe.Patches = append(recipe.Patches, kustomizetypes.Patch{Patch: patch.Patch, Target: &kustomizetypes.Selector{
			ResId: resid.ResId{Gvk: resid.Gvk{Kind: patch.Target.Kind}, Name: patch.Target.Name},
		}})
	}
	raw, err := yaml.Marshal(recipe)
	if err != nil {
		return nil, err
	}
	if err := disk.WriteFile("kustomization.yaml", raw); err != nil {
		return nil, err
	}
	patched, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(disk, ".")
	if err != nil {
		return nil, fmt.Errorf("apply the package's patches: %w", err)
	}
	if err := p.checkTargets(patched); err != nil {
		return nil, err
	}
	out, err := patched.AsYaml()
	if err != nil {
		return nil, err
	}
	return bytes.NewBuffer(out), nil
}

func (p patcher) checkTargets(patched resmap.ResMap) error {
	for i, patch := range p.patches {
		name, err := regexp.Compile("^(?:" + patch.Target.Name + ")$")
		if err != nil {
			return err
		}
		matched := false
		for _, object := range patched.Resources() {
			matched = matched || object.GetKind() == patch.Target.Kind && (patch.Target.Name == "" || name.MatchString(object.GetName()))
		}
		if !matched {
			return fmt.Errorf("patch %d of the package: the chart renders no %s %q", i, patch.Target.Kind, patch.Target.Name)
		}
	}
	return nil
}

// postRenderers are the package's patches as Flux applies them; nil: it has none.
func postRenderers(p Package) []helmv2.PostRenderer {
	if len(p.Patches) == 0 {
		return nil
	}
	recipe := &helmv2.Kustomize{}
	for _, patch := range p.Patches {
		recipe.Patches = append(recipe.Patches, kustomize.Patch{
			Patch: patch.Patch, Target: &kustomize.Selector{Kind: patch.Target.Kind, Name: patch.Target.Name},
		})
	}
	return []helmv2.PostRenderer{{Kustomize: recipe}}
}
