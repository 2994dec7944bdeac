// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cozystack/cozy-install/cmd/internal/ui"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

func newTenantCommand(streams Streams) *cobra.Command {
	return newGroup("tenant", "Make and look at the tenants of a cluster, and give people access",
		tenantView(streams, "list", "List all tenants", tenantTable),
		tenantView(streams, "tree", "Show the tenants as a tree", tenantTree),
		newTenantShowCommand(streams), newTenantCreateCommand(streams), newTenantKubeconfigCommand(streams),
		newTenantExplainCommand(streams), newTenantDeleteCommand(streams),
	)
}

// tenantView is a command that shows all tenants in one way.
func tenantView(streams Streams, use, short string, text func([]tenantRow) string) *cobra.Command {
	var flags clusterFlags
	var output outputFlag
	c := &cobra.Command{
		Use: use, Short: short, Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, seen, err := flags.see(cmd.Context())
			if err != nil {
				return err
			}
			if seen.Below != "" {
				fmt.Fprintf(streams.Err, "These are the tenants below %s; others may not be seen.\n", ui.Printable(seen.Below))
			}
			rows := rowsOf(seen.Tenants)
			return output.print(streams.Out, rows, func() string { return text(rows) })
		},
	}
	flags.add(c)
	output.add(c)
	return c
}

// tenantRow is a tenant as these commands show it. Everything but the name is the controller's word.
type tenantRow struct {
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
	// Parent is the namespace of the tenant above; empty for the root.
	Parent string `json:"parent,omitempty"`
	Host   string `json:"host"`
	Ready  bool   `json:"ready"`
	Reason string `json:"reason,omitempty"`
	// Services are the namespaces of those that provide one, by service. Empty before the controller looked.
	Services map[string]string `json:"services,omitempty"`
}

// rowsOf are the rows of tenants, sorted by their own namespaces.
func rowsOf(tenants []v1alpha1.Tenant) []tenantRow {
	rows := make([]tenantRow, 0, len(tenants))
	for _, t := range tenants {
		rows = append(rows, rowOf(t))
	}
	slices.SortFunc(rows, func(a, b tenantRow) int { return strings.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name) })
	return rows
}

func rowOf(t v1alpha1.Tenant) tenantRow {
	row := tenantRow{
		Name: t.Name, Namespace: t.Status.Namespace, Parent: t.Status.Parent, Host: t.Status.Host, Services: map[string]string{},
	}
	for name, service := range t.Status.Services.All() {
		if service.Namespace != "" {
			row.Services[name] = service.Namespace
		}
	}
	ready := meta.FindStatusCondition(t.Status.Conditions, v1alpha1.ConditionReady)
	switch {
	case ready == nil:
		row.Reason = "its controller has not looked at it yet"
	case ready.Status == metav1.ConditionTrue:
		row.Ready = true
	default:
		row.Reason = ready.Reason + ": " + ready.Message
	}
	return row
}

func tenantTable(rows []tenantRow) string {
	cells := make([][]string, 0, len(rows))
	for _, r := range rows {
		cells = append(cells, []string{r.Name, r.Namespace, r.Host, yesNo(r.Ready), r.Reason})
	}
	return ui.Table([]string{"NAME", "NAMESPACE", "HOST", "READY", "REASON"}, cells) + "\n"
}

// tenantTree draws each tenant below its parent. A tenant whose parent is not there, or which has no namespace because it
// was not accepted, stands at the top: it must not be lost from sight.
func tenantTree(rows []tenantRow) string {
	known := map[string]bool{}
	for _, r := range rows {
		known[r.Namespace] = true
	}
	children := map[string][]tenantRow{}
	for _, r := range rows {
		parent := r.Parent
		if !known[parent] || parent == r.Namespace {
			parent = ""
		}
		children[parent] = append(children[parent], r)
	}
	return ui.Tree(branches(children, "")) + "\n"
}

func branches(children map[string][]tenantRow, parent string) []ui.Branch {
	out := []ui.Branch{}
	for _, r := range children[parent] {
		b := ui.Branch{Text: strings.Join(append([]string{r.Name, r.Namespace, r.Host, readyWord(r)}, providers(r)...), " ")}
		if r.Namespace != "" {
			b.Below = branches(children, r.Namespace)
		}
		out = append(out, b)
	}
	return out
}

func readyWord(r tenantRow) string {
	if r.Ready {
		return "Ready"
	}
	return "not Ready: " + r.Reason
}

// providers say who provides which service: etcd=own ingress=tenant-root.
func providers(r tenantRow) []string {
	var words []string
	for _, service := range slices.Sorted(maps.Keys(r.Services)) {
		provider := r.Services[service]
		if provider == r.Namespace {
			provider = "own"
		}
		words = append(words, service+"="+provider)
	}
	return words
}
