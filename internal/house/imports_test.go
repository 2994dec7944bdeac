// SPDX-License-Identifier: Apache-2.0

package house

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// rule says what a package may import from this repository. Only imports of non-test files count.
type rule struct {
	of  string   // one package, or "x/..." for x and all below it; the first rule that matches a package holds
	may []string // patterns like `of`; nil: nothing of this repository
	// onlyStandard also refuses third-party code.
	onlyStandard bool
	why          string
}

// importRules is the import table: data goes one way, and siblings never meet. A package that no rule names is an
// error, so a new package is a decision; a rule that names no package is one too, so the table can not go stale.
func importRules() []rule {
	return []rule{
		{
			of: "cmd/cozy-controller", may: []string{"cmd/internal/...", "tenant/...", "bundles", "manifests"},
			why: "the controller runs inside the cluster: it neither boots machines nor knows the bastion's site file",
		},
		{
			of: "cmd/internal/ui", may: []string{"bootstrap/phase"},
			why: "reporters draw what phases tell; they know a terminal and nothing else",
		},
		{of: "cmd/...", may: []string{
			"cmd/internal/...", "bootstrap/...", "talos", "pxe/...", "bundles/...", "manifests", "tenant/...",
		}, why: "commands turn flags into library calls; the lab is for tests and the demo"},

		{of: "bootstrap/phase", onlyStandard: true, why: "the runner must be readable and testable without any domain"},
		{of: "bootstrap/wait", onlyStandard: true, why: "the only polling loop knows nothing of what it waits for"},
		{of: "bootstrap/site", why: "reading a file needs nobody: whoever uses a site translates it"},
		{of: "bootstrap/kube", why: "assertions on a cluster are the same for every phase, so they know no phase"},
		{of: "bootstrap/workdir", why: "files on disk: what is in them is not its business"},
		{of: "bootstrap", may: []string{
			"bootstrap/...", "talos", "talos/power", "pxe", "pxe/assets", "bundles", "bundles/archive", "manifests", "tenant", "tenant/api/...",
			"tenant/policy", "tenant/admin",
		}, why: "the one place that introduces the others to each other, and that knows their order"},

		{of: "talos/power", why: "it switches whatever machine it is told to"},
		{of: "talos", why: "what a bundle asks of Talos arrives as a value of talos's own type"},
		{of: "pxe/dhcp", why: oneProtocol},
		{of: "pxe/lease", why: oneProtocol},
		{of: "pxe/tftp", why: oneProtocol},
		{of: "pxe/httpboot", why: oneProtocol},
		{of: "pxe/ipxe", why: oneProtocol},
		{of: "pxe/assets", why: oneProtocol},
		{
			of: "pxe", may: []string{"pxe/..."},
			why: "netboot carries no secret: what it does not import it can not serve",
		},
		{of: "bundles/archive", may: []string{"bundles"}, why: "it carries what a plan names; whose plan it is, is not its business"},
		{of: "bundles", why: "packages are data: they are read from any fs.FS and know no platform code"},
		{of: "manifests", why: "embedded YAML"},
		{of: "tenant", why: "the tenant rules are pure"},
		{of: "tenant/policy", may: []string{"tenant"}, why: "verdicts and policies follow from the rules; who writes them is not their business"},
		{of: "tenant/api/...", why: "resource types are read by everybody, so they read nobody"},
		{
			of: "tenant/admin", may: []string{"tenant", "tenant/policy", "tenant/api/..."},
			why: "it is given clients, and goes by what the API server says",
		},
		{
			of: "tenant/application", may: []string{"tenant", "tenant/api/..."},
			why: "the rules of applications are pure: who reads and writes objects is not their business",
		},
		{of: "tenant/controller/watch", why: "it watches kinds, whatever they are"},
		{
			of: "tenant/controller/application", may: []string{"tenant", "tenant/application", "tenant/api/...", "tenant/controller/watch"},
			why: "it is told of charts and of the tenant tree: it reads neither archives nor tenants",
		},
		{
			of:  "tenant/controller",
			may: []string{"tenant", "tenant/policy", "tenant/application", "tenant/api/...", "tenant/controller/watch"},
			why: "reconcilers apply the rules; nothing of the bastion runs in the cluster",
		},

		{of: "lab/...", may: []string{
			"lab/...", "bootstrap/...", "talos", "pxe/...", "bundles/...", "manifests", "tenant/...",
		}, why: "the lab stands in for the world and may look at everything but the commands"},
		{of: "internal/house", why: "it reads the tree, it does not use it"},
	}
}

const oneProtocol = "one protocol or concern each, unaware of the others; pxe joins them"

func TestImportTableHolds(t *testing.T) {
	for _, breach := range breaches(importRules(), list(t)) {
		t.Error(breach)
	}
}

func TestNothingImportsTheCommands(t *testing.T) {
	for _, pkg := range list(t) {
		for _, imported := range append(pkg.TestImports, pkg.XTestImports...) {
			if matches("cmd/...", local(imported)) && !matches("cmd/...", pkg.name()) {
				t.Errorf("%s: its tests import %s: nothing imports cmd", pkg.name(), imported)
			}
		}
	}
}

// breaches returns one sentence for each import that its rule does not allow, each package without a rule, and each
// rule or allowance without a package.
func breaches(rules []rule, packages []listed) []string {
	var found []string

	isNamed := map[string]bool{}

	for _, pkg := range packages {
		held := ruleFor(rules, pkg.name())
		if held == nil {
			found = append(found, fmt.Sprintf("%s: no rule names this package: add it to importRules", pkg.name()))

			continue
		}

		isNamed[held.of] = true

		for _, imported := range pkg.Imports {
			switch {
			case isOurs(imported) && !matchesAny(held.may, local(imported)):
				found = append(found, fmt.Sprintf("%s imports %s: %s", pkg.name(), local(imported), held.why))
			case held.onlyStandard && !isOurs(imported) && !isStandard(imported):
				found = append(found, fmt.Sprintf("%s imports %s: only the standard library: %s", pkg.name(), imported, held.why))
			}
		}
	}

	for _, one := range rules {
		if !isNamed[one.of] {
			found = append(found, fmt.Sprintf("the rule for %s names no package", one.of))
		}

		for _, pattern := range one.may {
			if !isPresent(pattern, packages) {
				found = append(found, fmt.Sprintf("the rule for %s allows %s, which is no package", one.of, pattern))
			}
		}
	}

	return found
}

func ruleFor(rules []rule, name string) *rule {
	for i := range rules {
		if matches(rules[i].of, name) {
			return &rules[i]
		}
	}

	return nil
}

func isPresent(pattern string, packages []listed) bool {
	for _, pkg := range packages {
		if matches(pattern, pkg.name()) {
			return true
		}
	}

	return false
}

// The checker itself is checked on trees made up here: a table that can not fail proves nothing.
func TestImportTableFindsEachKindOfBreach(t *testing.T) {
	pkg := func(name string, imports ...string) listed {
		return listed{ImportPath: modulePath + "/" + name, Imports: imports}
	}
	rules := []rule{
		{of: "pxe/dhcp", why: "one protocol each"},
		{of: "pxe", may: []string{"pxe/..."}, why: "no secret"},
		{of: "wait", onlyStandard: true, why: "plain"},
	}
	whole := []listed{pkg("pxe", modulePath+"/pxe/dhcp"), pkg("pxe/dhcp", "net/netip"), pkg("wait", "time")}

	require.Empty(t, breaches(rules, whole))

	for name, tc := range map[string]struct {
		packages []listed
		want     string
	}{
		"an import upwards":        {append(whole, pkg("pxe/dhcp", modulePath+"/pxe")), "pxe/dhcp imports pxe: one protocol each"},
		"an import of a sibling":   {append(whole, pkg("pxe", modulePath+"/wait")), "pxe imports wait: no secret"},
		"third-party code":         {append(whole, pkg("wait", "example.org/x")), "wait imports example.org/x: only the standard library: plain"},
		"a package without a rule": {append(whole, pkg("util")), "util: no rule names this package: add it to importRules"},
		"a rule without a package": {whole[:2], "the rule for wait names no package"},
		"an allowance without one": {whole[2:], "the rule for pxe allows pxe/..., which is no package"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Contains(t, breaches(rules, tc.packages), tc.want)
		})
	}
}
