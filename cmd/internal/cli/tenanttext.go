// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cozystack/cozy-install/cmd/internal/ui"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// shownTenant is a tenant with what its status only counts.
type shownTenant struct {
	*v1alpha1.Tenant

	// Dependents are all that depend on the services that the tenant runs itself, by service. Without a service whose dependents
	// are in its status whole, or may not be listed.
	Dependents map[string][]string `json:"dependents,omitempty"`
}

// tenantDescription tells everything that the controller says of a tenant.
func tenantDescription(t shownTenant) string {
	rows := [][]string{{"namespace", t.Status.Namespace}, {"parent", t.Status.Parent}, {"host", t.Status.Host}}
	if t.Status.Level != nil {
		rows = append(rows, []string{"level", fmt.Sprint(*t.Status.Level)})
	}
	if t.Status.ObservedGeneration != t.Generation {
		rows = append(rows, []string{"note", "its controller has not looked at the last change yet"})
	}
	rows = slices.DeleteFunc(rows, func(row []string) bool { return row[1] == "" })

	parts := []string{ui.Table([]string{"TENANT", t.Name}, rows)}
	if s := t.Status.Services; s != nil {
		parts = append(parts, serviceTable(s, t.Dependents))
	}
	if q := t.Status.Quota; q != nil {
		parts = append(parts, quotaTable(q))
	}
	parts = append(parts, conditionTable(t.Status.Conditions))
	return strings.Join(parts, "\n\n") + "\n"
}

func serviceTable(services *v1alpha1.TenantServices, dependentsOf map[string][]string) string {
	rows := [][]string{}
	for name, service := range services.All() {
		dependents := ""
		if d := service.Dependents; d != nil && d.Count > 0 {
			names := d.First
			if all := dependentsOf[name]; len(all) > 0 {
				names = all
			}
			dependents = fmt.Sprintf("%d: %s", max(int(d.Count), len(names)), strings.Join(names, ", "))
			if int(d.Count) > len(names) {
				dependents += ", ..."
			}
		}
		ready := ""
		if service.Namespace != "" {
			ready = yesNo(service.Ready)
		}
		rows = append(rows, []string{name, service.Source, service.Namespace, ready, dependents})
	}
	return ui.Table([]string{"SERVICE", "SOURCE", "PROVIDER", "READY", "DEPENDENTS"}, rows)
}

func quotaTable(quota *v1alpha1.TenantQuota) string {
	rows := [][]string{}
	for _, key := range slices.Sorted(maps.Keys(quota.Bounds)) {
		rows = append(rows, []string{key, amount(quota.Bounds[key]), amount(quota.Given[key])})
	}
	return ui.Table([]string{"QUOTA", "BOUND", "GIVEN TO TENANTS BELOW"}, rows)
}

func amount(q resource.Quantity) string { return q.String() }

func conditionTable(conditions []metav1.Condition) string {
	rows := [][]string{}
	for _, c := range conditions {
		rows = append(rows, []string{c.Type, string(c.Status), c.Reason, c.Message})
	}
	return ui.Table([]string{"CONDITION", "STATUS", "REASON", "MESSAGE"}, rows)
}
