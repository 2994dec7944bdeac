// SPDX-License-Identifier: Apache-2.0

package standin

import (
	"maps"

	"github.com/cozystack/cozy-install/bundles"
)

// patchedBy are the objects that the package changes after rendering, which must be there for that. Deployments among them run
// nothing, so that they can be in the core.
func patchedBy(p bundles.Package) []map[string]any {
	var out []map[string]any
	for _, patch := range p.Patches {
		kind, name := patch.Target.Kind, patch.Target.Name
		if name == "" || name == p.Name {
			continue
		}
		labels := map[string]any{Label: p.Name, "app": name}
		object := map[string]any{"apiVersion": "v1", "kind": kind, "metadata": map[string]any{"name": name, "labels": labels}}
		if kind == "Deployment" || kind == "DaemonSet" {
			object["apiVersion"], object["spec"] = "apps/v1", idle(p.Name, kind, labels)
		}
		out = append(out, object)
	}
	return out
}

func idle(of, kind string, labels map[string]any) map[string]any {
	container := map[string]any{
		"name": "stand-in", "image": "stand-in.lab.invalid/" + of + ":0", "ports": []any{map[string]any{"containerPort": 1}},
	}
	spec := map[string]any{
		"selector": map[string]any{"matchLabels": labels},
		"template": map[string]any{
			"metadata": map[string]any{"labels": maps.Clone(labels)},
			"spec":     map[string]any{"containers": []any{container}},
		},
	}
	if kind == "Deployment" {
		spec["replicas"] = 0
	}
	return spec
}
