// SPDX-License-Identifier: Apache-2.0

package tenants

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/manifests"
	"github.com/cozystack/cozy-install/tenant"
)

const (
	reads  = "get list watch"
	writes = "create update patch delete deletecollection"
)

// access is who may do what with resources: verbs by the lowest level that has them. A verb that no level names nobody has. A
// resource has its subresource behind a slash. A name, where there is one, is the only one for which it holds.
type access struct {
	group, resources, name       string
	view, use, admin, superAdmin string
	also                         string // verbs to try that nobody has, beyond those that every resource knows
}

// accessTable is written by hand from the text: what each level is for. It holds the chart's roles to that, word for word, so
// whoever gives a level a right writes it here too. The rows without a level are those for which the text says "no level".
func accessTable() []access {
	return []access{
		// Tenants, applications, one of a kind of somebody else among them, and cluster services. Status and finalizers are the
		// controller's.
		{group: "apps.cozystack.io", resources: "tenants", view: reads, superAdmin: writes + " sethost", also: "dropfinalizer"},
		{group: "apps.cozystack.io", resources: "postgreses kuberneteses depots", view: reads, admin: writes, also: "sethost dropfinalizer"},
		{group: "apps.cozystack.io", resources: "etcds monitorings ingresses seaweedfses", view: reads, superAdmin: "update patch", also: "dropfinalizer"},
		{group: "apps.cozystack.io", resources: "tenants/status tenants/finalizers postgreses/status etcds/status tenantlimits"},
		{group: "cozystack.io", resources: "applicationdefinitions applicationdefinitions/status"},

		// What applications run in.
		{resources: "pods services endpoints persistentvolumeclaims events resourcequotas limitranges", view: reads},
		{resources: "serviceaccounts", view: reads, also: "impersonate"},
		{resources: "pods/log", view: "get"},
		{group: "apps", resources: "deployments statefulsets daemonsets replicasets", view: reads},
		{group: "batch", resources: "jobs cronjobs", view: reads},
		{group: "networking.k8s.io", resources: "ingresses networkpolicies", view: reads},
		{group: "discovery.k8s.io", resources: "endpointslices", view: reads},
		{group: "events.k8s.io", resources: "events", view: reads},
		{group: "postgresql.cnpg.io", resources: "backups clusters databases poolers scheduledbackups", view: reads},
		{group: "cluster.x-k8s.io", resources: "clusters machinedeployments machinehealthchecks machines machinesets", view: reads},
		{group: "controlplane.cluster.x-k8s.io", resources: "kamajicontrolplanes", view: reads},
		{group: "kubevirt.io", resources: "virtualmachines virtualmachineinstances", view: reads},

		// Consoles, and starting and stopping.
		{
			group:     "subresources.kubevirt.io",
			resources: "virtualmachineinstances/console virtualmachineinstances/vnc virtualmachineinstances/portforward", use: "get",
		},
		{group: "subresources.kubevirt.io", resources: "virtualmachines/start virtualmachines/stop virtualmachines/restart", use: "update"},
		{group: "subresources.kubevirt.io", resources: "virtualmachines/addvolume virtualmachines/removevolume virtualmachines/migrate"},

		// Ways into what runs, and around what the platform keeps.
		{resources: "pods/exec pods/attach pods/portforward pods/ephemeralcontainers pods/eviction pods/proxy pods/status services/proxy"},
		{group: "apps", resources: "deployments/scale statefulsets/scale"},
		{group: "cilium.io", resources: "ciliumnetworkpolicies"},
		{resources: "configmaps secrets"},
		{resources: "secrets", name: "sh.helm.release.v1.db.v1"},

		// Tokens of one's own level and those below, of nothing else.
		{resources: "serviceaccounts/token", name: "tenant-view", view: "create"},
		{resources: "serviceaccounts/token", name: "tenant-use", use: "create"},
		{resources: "serviceaccounts/token", name: "tenant-admin", admin: "create"},
		{resources: "serviceaccounts/token", name: "tenant-super-admin", superAdmin: "create"},
		{resources: "serviceaccounts/token", name: tenant.ReleaseAccount},
		{resources: "serviceaccounts/token", name: tenant.ServiceAccount},
		{resources: "serviceaccounts/token", name: "default"},
		{resources: "serviceaccounts/token"},
		{resources: "users groups", also: "impersonate"},

		// Flux, by which everything is released.
		{group: "helm.toolkit.fluxcd.io", resources: "helmreleases helmreleases/status"},
		{group: "source.toolkit.fluxcd.io", resources: "helmrepositories helmcharts ocirepositories gitrepositories buckets"},
		{group: "kustomize.toolkit.fluxcd.io", resources: "kustomizations"},

		// Rights themselves.
		{group: "rbac.authorization.k8s.io", resources: "roles clusterroles", also: "bind escalate"},
		{group: "rbac.authorization.k8s.io", resources: "rolebindings clusterrolebindings"},
		{group: "admissionregistration.k8s.io", resources: "validatingadmissionpolicies validatingwebhookconfigurations"},
		{group: "apiextensions.k8s.io", resources: "customresourcedefinitions"},

		// The cluster.
		{resources: "namespaces namespaces/finalize persistentvolumes nodes nodes/proxy nodes/log"},
	}
}

// asked is one thing that can be asked for.
type asked struct{ verb, group, resource, name string }

func (a asked) String() string {
	return strings.TrimSpace(fmt.Sprintf("%s %s.%s %s", a.verb, a.resource, a.group, a.name))
}

// tableOf is the table, one by one: the place of the lowest level among all of them, and -1 for nobody.
func tableOf(t *testing.T, rows []access) map[asked]int {
	t.Helper()

	all := map[asked]int{}
	add := func(row access, verbs string, level int, isNew bool) {
		for resource := range strings.FieldsSeq(row.resources) {
			for verb := range strings.FieldsSeq(verbs) {
				one := asked{verb, row.group, resource, row.name}

				_, isThere := all[one]
				require.False(t, isNew && isThere, "it is in the table twice: %s", one)

				if !isThere {
					all[one] = level
				}
			}
		}
	}

	for _, row := range rows {
		for level, verbs := range []string{row.view, row.use, row.admin, row.superAdmin} {
			add(row, verbs, level, true)
		}

		add(row, reads+" "+writes+" "+row.also, -1, false)
	}

	return all
}

// Parts of levels come with charts. One that the plane does not know would be given out without having been looked at.
func TestChartsWithPartsOfLevelsAreWalked(t *testing.T) {
	var charts []string

	require.NoError(t, fs.WalkDir(manifests.Charts(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path.Base(path.Dir(name)) != "templates" {
			return err
		}

		text, err := fs.ReadFile(manifests.Charts(), name)
		chart, _, _ := strings.Cut(name, "/")

		if strings.Contains(string(text), "rbac.cozystack.io/aggregate-to-tenant-") && !slices.Contains(charts, chart) {
			charts = append(charts, chart)
		}

		return err
	}))
	require.Equal(t, chartsWithLevels(), charts)
}

// chartsWithLevels are the charts whose roles the plane has.
func chartsWithLevels() []string { return []string{"tenant-applications", "tenant-roles"} }
