// SPDX-License-Identifier: Apache-2.0

package build

import (
	"fmt"
	"runtime"
	"strings"
	"time"
)

// toolsDir holds one module for each family of programs, relative to the repository's root.
const toolsDir = "lab/tools"

// program is something made from one of the modules.
type program struct {
	name   string // file name in the cache
	module string // folder below toolsDir
	// pkg is the main package to build; empty for a folder of CRD manifests.
	pkg string
	// stamp is the module whose version is stamped into the program as Kubernetes' own build does; empty: none.
	// Without it the server calls itself v0.0.0-master and Helm's checks of kubeVersion fail.
	stamp string
	// tags are build tags, and link further flags for the linker, both as the program's own build has them.
	tags, link []string
	// crds are the modules whose config/crd/bases make up the folder.
	crds []string
	// cost is the CPU time of the build with an empty Go build cache and everything before it in the catalogue built.
	cost time.Duration
}

// catalogue is in the order of building. kubectl is among them so that the demo needs nothing but Go.
func catalogue() []program {
	const kubernetes = "k8s.io/kubernetes"
	return []program{
		{name: "labplane", module: "kube", pkg: ".", stamp: kubernetes, cost: 700 * time.Second},
		{name: "kubectl", module: "kube", pkg: kubernetes + "/cmd/kubectl", stamp: kubernetes, cost: 40 * time.Second},
		{name: "kwok", module: "kwok", pkg: "sigs.k8s.io/kwok/cmd/kwok", cost: 200 * time.Second},
		{name: "source-controller", module: "flux", pkg: "github.com/fluxcd/source-controller", cost: 400 * time.Second},
		{name: "helm-controller", module: "flux", pkg: "github.com/fluxcd/helm-controller", cost: 120 * time.Second},
		{name: "crds", module: "flux", crds: []string{"github.com/fluxcd/source-controller", "github.com/fluxcd/helm-controller"}},
	}
}

// estimate is how long the build may take on this machine when it has nothing else to do.
func (p program) estimate() string {
	minutes := (p.cost / time.Duration(runtime.NumCPU())).Round(time.Minute) / time.Minute
	if minutes < 1 {
		return "less than a minute"
	}
	return fmt.Sprintf("about %d min", minutes)
}

// linkerFlags drop debugging data and stamp version (as "v1.34.4"), which is empty for programs without a stamp.
func linkerFlags(version string) string {
	flags := []string{"-s", "-w"}
	if version == "" {
		return strings.Join(flags, " ")
	}
	parts := strings.SplitN(strings.TrimPrefix(version, "v"), ".", 3)
	for _, pkg := range []string{"k8s.io/component-base/version", "k8s.io/client-go/pkg/version"} {
		for _, value := range []string{
			"gitVersion=" + version, "gitMajor=" + parts[0], "gitMinor=" + parts[1], "gitTreeState=clean",
			// Neither is known from a module; both must look like what they are.
			"gitCommit=" + strings.Repeat("0", 40), "buildDate=2026-01-01T00:00:00Z",
		} {
			flags = append(flags, "-X", pkg+"."+value)
		}
	}
	return strings.Join(flags, " ")
}
