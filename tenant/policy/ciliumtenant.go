// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/cozystack/cozy-install/tenant"
)

// TenantName is the name of a tenant's policy, in its namespace. Where there are several, they begin with it.
const TenantName = "tenant"

// CiliumTenant is what follows for a tenant's pods from its place in the tree. It names the tenant and its ancestors, and nobody
// below or beside it: a new tenant changes no other's policy, and neither does a service that another one runs.
func CiliumTenant(t tenant.Resolved) *unstructured.Unstructured {
	return ciliumPolicy(t.Namespace, TenantName, ciliumTenantRules(t))
}

func ciliumTenantRules(t tenant.Resolved) []ciliumRule {
	rules := []ciliumRule{
		{
			Description: "rows 6 and 7: the tenant itself and its ancestors reach all pods but etcd's",
			Of:          where(metav1.LabelSelector{}, LabelService, metav1.LabelSelectorOpNotIn, PartEtcd),
			Ingress: []ciliumPeers{{FromPods: []metav1.LabelSelector{
				where(metav1.LabelSelector{}, ciliumNamespace, metav1.LabelSelectorOpIn, upwards(t)...),
			}}},
		},
		{
			Description: "rows 6 and 7: all pods reach the tenant and those below",
			Of:          metav1.LabelSelector{},
			Egress: []ciliumPeers{{ToPods: []metav1.LabelSelector{
				where(metav1.LabelSelector{}, ciliumNamespaceLabels+tenant.AncestorLabel+t.Namespace, metav1.LabelSelectorOpExists),
			}}},
		},
	}

	if t.HasEtcd() {
		rules = append(rules, ciliumEtcd(t))
	}

	return append(rules, ciliumDoors(t)...)
}

// upwards is the tenant's namespace and those of its ancestors.
func upwards(t tenant.Resolved) []string { return append(slices.Clone(t.Ancestors), t.Namespace) }

// ciliumPart selects the pods of a part of a service.
func ciliumPart(namespace, part string) metav1.LabelSelector {
	return metav1.LabelSelector{MatchLabels: map[string]string{ciliumNamespace: namespace, LabelService: part}}
}

// ciliumDoors opens the services that the tenant runs to all tenants that resolve to them.
func ciliumDoors(t tenant.Resolved) []ciliumRule {
	var rules []ciliumRule

	for _, door := range doors() {
		if t.Services[door.service].Source == tenant.Own {
			rules = append(rules, ciliumRule{
				Description: "row 8: who resolves to this " + door.service.String() + " reaches its " + door.part,
				Of:          pods(LabelService, door.part),
				Ingress: []ciliumPeers{{
					FromPods: []metav1.LabelSelector{ciliumClients(door.service, t.Namespace)},
					Ports:    tcp(door.ports...),
				}},
			})
		}
	}

	return rules
}

// ciliumEtcd opens the etcd that the tenant runs to its own members, to labelled pods, and to the scraper.
func ciliumEtcd(t tenant.Resolved) ciliumRule {
	rule := ciliumRule{
		Description: "rows 1, 3 and 4: members of etcd, labelled pods of who uses it, and who scrapes it",
		Of:          pods(LabelService, PartEtcd),
		Ingress: []ciliumPeers{
			{FromPods: []metav1.LabelSelector{ciliumPart(t.Namespace, PartEtcd)}, Ports: tcp(etcdClient, etcdPeer)},
			{FromPods: []metav1.LabelSelector{ciliumEtcdClients(t.Namespace)}, Ports: tcp(etcdClient)},
		},
	}

	if monitoring := t.Services[tenant.Monitoring].Namespace; monitoring != "" {
		rule.Ingress = append(rule.Ingress, ciliumPeers{
			FromPods: []metav1.LabelSelector{ciliumPart(monitoring, PartVMAgent)}, Ports: tcp(etcdMetrics),
		})
	}

	return rule
}
