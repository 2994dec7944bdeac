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

// tenantDescription tells everything that the controller says of a tenant.
func tenantDescription(t *v1alpha1.Tenant) string {
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
		parts = append(parts, serviceTable(s))
	}
	if q := t.Status.Quota; q != nil {
		parts = append(parts, quotaTable(q))
	}
	parts = append(parts, conditionTable(t.Status.Conditions))
	return strings.Join(parts, "\n\n") + "\n"
}

func serviceTable(services *v1alpha1.TenantServices) string {
	rows := [][]string{}
	for _, one := range []struct {
		name    string
		service v1alpha1.TenantService
	}{
		{"etcd", services.Etcd}, {"monitoring", services.Monitoring}, {"ingress", services.Ingress}, {"seaweedfs", services.SeaweedFS},
	} {
		dependents := ""
		if d := one.service.Dependents; d != nil && d.Count > 0 {
			dependents = fmt.Sprintf("%d: %s", d.Count, strings.Join(d.First, ", "))
			if int(d.Count) > len(d.First) {
				dependents += ", ..."
			}
		}
		ready := ""
		if one.service.Namespace != "" {
			ready = yesNo(one.service.Ready)
		}
		rows = append(rows, []string{one.name, one.service.Source, one.service.Namespace, ready, dependents})
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
