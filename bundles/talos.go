// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"fmt"
	"reflect"
	"slices"
)

// mergeTalos joins what the bundle and its packages ask of Talos. Where two ask for different values of the same thing,
// that is a problem which names both; nobody wins silently.
func mergeTalos(s *Set, packages []Package, found *Problems) TalosRequirements {
	m := &talosMerge{found: found, by: map[string]string{}, seen: map[string]any{}}
	m.add(s.Talos, setFile(s.Name))
	for _, p := range packages {
		m.add(p.Talos, packageFile(p.Name))
		if p.NeedsKubeProxy {
			m.once("kube-proxy", false, packageFile(p.Name))
		}
	}
	slices.Sort(m.out.Extensions)
	return m.out
}

type talosMerge struct {
	out   TalosRequirements
	found *Problems
	by    map[string]string // what was asked for -> the file that asked first
	seen  map[string]any    // what was asked for -> its value
}

func (m *talosMerge) add(r TalosRequirements, file string) {
	for _, name := range r.Extensions {
		if m.once("extension "+name, nil, file) {
			m.out.Extensions = append(m.out.Extensions, name)
		}
	}
	for _, module := range r.KernelModules {
		if m.once("kernel module "+module.Name, module.Parameters, file) {
			m.out.KernelModules = append(m.out.KernelModules, module)
		}
	}
	for _, key := range sortedKeys(r.Sysctls) {
		if m.once("sysctl "+key, r.Sysctls[key], file) {
			put(&m.out.Sysctls, key, r.Sysctls[key])
		}
	}
	for _, f := range r.Files {
		if m.once("file "+f.Path, f, file) {
			m.out.Files = append(m.out.Files, f)
		}
	}
	for _, argument := range r.KernelArgs {
		if m.once("kernel argument "+argument, nil, file) {
			m.out.KernelArgs = append(m.out.KernelArgs, argument)
		}
	}
	for _, key := range sortedKeys(r.KubeletExtraConfig) {
		if m.once("kubelet setting "+key, r.KubeletExtraConfig[key], file) {
			put(&m.out.KubeletExtraConfig, key, r.KubeletExtraConfig[key])
		}
	}
	if r.DisableKubeProxy {
		m.once("kube-proxy", true, file)
		m.out.DisableKubeProxy = true
	}
	if r.CNI != "" && m.once("CNI", r.CNI, file) {
		m.out.CNI = r.CNI
	}
}

// once reports whether what is asked for the first time. Asked for again with another value, it is a problem.
func (m *talosMerge) once(what string, value any, file string) bool {
	if _, again := m.by[what]; !again {
		m.by[what], m.seen[what] = file, value
		return true
	}
	if !reflect.DeepEqual(m.seen[what], value) {
		m.found.add(file, "talos", nil, "%s: wants %s, but %s wants %s", what, wish(value), m.by[what], wish(m.seen[what]))
	}
	return false
}

// wish is a value in a problem's words.
func wish(value any) string {
	if disabled, ok := value.(bool); ok {
		return map[bool]string{true: "it disabled", false: "it to run"}[disabled]
	}
	return fmt.Sprintf("%q", fmt.Sprint(value))
}

func put[V any](m *map[string]V, key string, value V) {
	if *m == nil {
		*m = map[string]V{}
	}
	(*m)[key] = value
}
