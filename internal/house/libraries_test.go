// SPDX-License-Identifier: Apache-2.0

package house

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// library says which packages may import third-party code in non-test files. Changing our mind about a library must
// stay a change to one package.
type library struct {
	path    string   // import path, or the start of one
	in      []string // patterns as in rule.of; nil: tests only
	oneFile bool     // at most one file of each package
	why     string
}

func libraries() []library {
	return []library{
		{path: "github.com/spf13/cobra", in: []string{"cmd/..."}, why: "the library works without a command line"},
		{path: "github.com/spf13/pflag", in: []string{"cmd/..."}, why: "the library works without a command line"},
		{path: "github.com/charmbracelet/lipgloss", in: []string{"cmd/internal/ui"}, why: terminal},
		{path: "github.com/jedib0t/go-pretty", in: []string{"cmd/internal/ui"}, why: terminal},
		{path: "github.com/mattn/go-isatty", in: []string{"cmd/internal/ui"}, why: terminal},
		{path: "golang.org/x/term", in: []string{"cmd/internal/ui"}, why: terminal},

		{path: "github.com/insomniacslk/dhcp", in: []string{"pxe/dhcp", "lab/..."}, why: "DHCP is pxe/dhcp's concern"},
		{path: "github.com/mdlayher/packet", in: []string{"pxe/dhcp"}, why: "raw sockets look around on the machines' network, and nowhere else"},
		{path: "github.com/coreos/go-systemd", in: []string{"cmd/cozy-install"}, why: "it reads the environment, as main alone does"},
		{path: "github.com/prometheus/client_golang", in: []string{"pxe", "tenant/controller", "cmd/cozy-controller"}, why: "metrics are of the netboot server and of the controller"},
		{path: "github.com/pin/tftp", in: nil, why: "the sender is our own; tests read with another's client"},
		{
			path: "github.com/siderolabs/", in: []string{"talos", "lab/..."},
			why: "only talos speaks Talos; the lab plays the other side",
		},
		{
			path: "github.com/cosi-project/runtime", in: []string{"talos", "lab/..."},
			why: "only talos speaks Talos; the lab plays the other side",
		},

		{path: "github.com/stmcginnis/gofish", in: []string{"talos/power"}, why: "power is talos/power's concern"},
		{path: "github.com/bougou/go-ipmi", in: []string{"talos/power"}, why: "power is talos/power's concern"},

		{
			path: "helm.sh/helm", in: []string{"bundles"}, oneFile: true,
			why: "the Helm SDK is large and its cancelling is unsafe: one adapter holds what we know about it",
		},
		{path: "github.com/distribution/distribution", in: []string{"bundles/archive"}, why: registry},
		{path: "github.com/distribution/reference", in: []string{"bundles", "bundles/archive"}, why: "names of images belong to packages and to registries"},
		{path: "k8s.io/pod-security-admission", in: []string{"bundles"}, oneFile: true, why: "pods are judged in one place"},
		{path: "github.com/google/go-containerregistry", in: []string{"bundles/archive", "lab/standin"}, why: registry},
		{path: "github.com/sirupsen/logrus", in: []string{"bundles/archive"}, why: "we log with slog; distribution does not"},
		{path: "github.com/hiddeco/sshsig", in: []string{"bundles/archive"}, oneFile: true, why: "archives are signed in one place"},
		{path: "github.com/google/cel-go", in: []string{"bundles"}, oneFile: true, why: "expressions of package files are judged in one place"},
		{path: "oras.land/oras-go", in: []string{"bundles"}, oneFile: true, why: "charts are read from registries in one place"},
		{path: "github.com/fluxcd/pkg/runtime", in: []string{"tenant/controller/application"}, oneFile: true, why: "health of applications is judged in one place"},
		{path: "github.com/fluxcd/", in: []string{"bundles", "tenant/controller/application", "lab/..."}, why: "releases are made by bundles, and those of applications in the cluster"},
		{path: "sigs.k8s.io/controller-runtime", in: []string{
			"tenant/controller/...", "cmd/cozy-controller",
			"tenant/api/...", // its scheme package registers the types: every client needs that, and it drags in no more
			"lab/...",
		}, why: "the bastion's program is not a controller, and its start-up is measured"},
		{path: "k8s.io/kubectl", in: []string{"bootstrap/kube"}, why: "nodes are drained in one place, and the rest of kubectl is a command line"},
		{path: "k8s.io/client-go", in: []string{
			"bootstrap/kube", "bundles", "tenant/controller/...", "tenant/admin", "cmd/...", "lab/...",
		}, why: "clients are made in bootstrap/kube and handed on"},

		{path: "filippo.io/age", in: []string{"talos", "bootstrap/site"}, why: "talos seals secrets, and the site file checks who may open them"},
		{path: "github.com/gofrs/flock", in: []string{"bootstrap/workdir", "pxe/assets", "bundles/archive", "lab/..."}, why: "what is locked is the work directory, or a cache or store that several share; the lab locks its builds"},

		{path: "github.com/vishvananda/", in: []string{"lab/..."}, why: "the product changes no network set-up"},
		{path: "github.com/google/gopacket", in: []string{"lab/..."}, why: "captures are read by tests"},
		{path: "github.com/stretchr/testify", in: []string{"lab/..."}, why: "test code stays out of the programs"},
		{path: "github.com/invopop/jsonschema", why: "the schema is made by a test, and embedded"},
		{path: "github.com/santhosh-tekuri/jsonschema", in: []string{"bootstrap/site", "bundles"}, why: "what people write is checked by schema: site files, and values of packages"},
		{path: "pgregory.net/rapid", in: nil, why: "test code stays out of the programs"},
	}
}

const registry = "images and registries are the archive's concern"

const terminal = "cmd/internal/ui is the only code that knows a terminal"

// neverInGraph is what lives in the lab's own modules. No package of this module may reach it, tests included, and
// go.mod may not name it: it would decide the versions the product is built with.
func neverInGraph() []string {
	return []string{
		"k8s.io/kubernetes", "go.etcd.io/etcd/server", "sigs.k8s.io/kwok", "sigs.k8s.io/controller-tools",
		"github.com/fluxcd/helm-controller", "github.com/fluxcd/source-controller",
		"github.com/golangci/golangci-lint", "github.com/siderolabs/talos",
	}
}

// apis are modules of their own inside those above: types and clients only.
func apis() []string {
	return []string{
		"github.com/fluxcd/helm-controller/api", "github.com/fluxcd/source-controller/api",
		"github.com/siderolabs/talos/pkg/machinery",
	}
}

func TestLibrariesStayInTheirPackages(t *testing.T) {
	packages := list(t)
	_, files := sources(t)

	for _, leak := range leaks(libraries(), packages, importsByFile(files)) {
		t.Error(leak)
	}
}

func TestEveryListedLibraryIsRequired(t *testing.T) {
	required := requirements(t)

	for _, lib := range libraries() {
		isRequired := slices.ContainsFunc(required, func(mod string) bool { return strings.HasPrefix(mod, lib.path) })
		require.True(t, isRequired, "libraries lists %s, which go.mod does not require", lib.path)
	}
}

func TestWhatTheLabBuildsStaysOutOfTheProduct(t *testing.T) {
	for _, mod := range requirements(t) {
		require.False(t, isLabOnly(mod), "go.mod requires %s: it belongs into a module of its own under lab/tools", mod)
	}

	for _, pkg := range list(t) {
		for _, dep := range pkg.Deps {
			require.False(t, isLabOnly(dep), "%s reaches %s", pkg.name(), dep)
		}
	}
}

func TestGoModHasNoReplacements(t *testing.T) {
	require.Empty(t, goMod(t).Replace, "`go install` of a module with replacements is refused")
}

// leaks returns one sentence for each file that imports a library outside the library's packages.
func leaks(libs []library, packages []listed, imports map[string][]string) []string {
	var found []string

	for _, lib := range libs {
		users := map[string][]string{}

		for file, paths := range imports {
			if slices.ContainsFunc(paths, func(p string) bool { return strings.HasPrefix(p, lib.path) }) {
				users[path.Dir(file)] = append(users[path.Dir(file)], file)
			}
		}

		for dir, files := range users {
			slices.Sort(files)

			switch {
			case !matchesAny(lib.in, dir):
				found = append(found, fmt.Sprintf("%s imported by %v: %s", lib.path, files, lib.why))
			case lib.oneFile && len(files) > 1:
				found = append(found, fmt.Sprintf("%s imported by %v, more than one file: %s", lib.path, files, lib.why))
			}
		}

		for _, pattern := range lib.in {
			if !isPresent(pattern, packages) {
				found = append(found, fmt.Sprintf("%s is allowed in %s, which is no package", lib.path, pattern))
			}
		}
	}

	slices.Sort(found)

	return found
}

// importsByFile maps each non-test file of this module to what it imports. The lab's own modules are left out.
func importsByFile(files []source) map[string][]string {
	imports := map[string][]string{}

	for _, one := range files {
		if one.test || strings.HasPrefix(one.path, "lab/tools/") {
			continue
		}

		for _, spec := range one.file.Imports {
			imports[one.path] = append(imports[one.path], strings.Trim(spec.Path.Value, `"`))
		}
	}

	return imports
}

func isLabOnly(importPath string) bool {
	isBelow := func(above string) bool { return importPath == above || strings.HasPrefix(importPath, above+"/") }

	return slices.ContainsFunc(neverInGraph(), isBelow) && !slices.ContainsFunc(apis(), isBelow)
}

type modFile struct {
	Require []struct {
		Path     string
		Indirect bool
	}
	Replace []any
}

func goMod(t *testing.T) modFile {
	t.Helper()

	var mod modFile

	require.NoError(t, json.Unmarshal(run(t, "go", "mod", "edit", "-json"), &mod))

	return mod
}

// requirements are the modules that go.mod names, direct or not.
func requirements(t *testing.T) []string {
	t.Helper()

	var mods []string
	for _, one := range goMod(t).Require {
		mods = append(mods, one.Path)
	}

	return mods
}

func TestLeaksAreFound(t *testing.T) {
	libs := []library{{path: "example.org/helm", in: []string{"bundles"}, oneFile: true, why: "large"}}
	packages := []listed{{ImportPath: modulePath + "/bundles"}}
	helm := []string{"example.org/helm/action"}

	require.Empty(t, leaks(libs, packages, map[string][]string{"bundles/helm.go": helm, "pxe/pxe.go": {"net"}}))
	require.Equal(t, []string{"example.org/helm imported by [pxe/pxe.go]: large"},
		leaks(libs, packages, map[string][]string{"pxe/pxe.go": helm}))
	require.Equal(t, []string{"example.org/helm imported by [bundles/a.go bundles/b.go], more than one file: large"},
		leaks(libs, packages, map[string][]string{"bundles/a.go": helm, "bundles/b.go": helm}))
	require.Equal(t, []string{"example.org/helm is allowed in bundles, which is no package"}, leaks(libs, nil, nil))
}
