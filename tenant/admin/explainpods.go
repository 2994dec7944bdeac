// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/policy"
)

// Where cozy-controller keeps what it knows of the site.
const (
	SiteNamespace = "cozy-system"
	SiteConfigMap = "cozy-controller-site"
	SiteKey       = "site.json"
)

// looker finds out what the ends of flows are.
type looker struct {
	client  kubernetes.Interface
	objects dynamic.Interface
	tenants []v1alpha1.Tenant
	// below is Seen.Below.
	below string
}

// looked is one end, once looked at.
type looked struct {
	pod *corev1.Pod
	// tenant is whose namespace the pod is in. Nil: no tenant's.
	tenant *v1alpha1.Tenant
	peer   policy.Peer
	// isUnseen says that the tenant's own Tenant may not be read, so that nothing but its namespace is known.
	isUnseen bool
	// isEtcdUnknown says that nobody told on which etcds the tenant's applications stay: its users may not read their namespace.
	isEtcdUnknown bool
	// isStayingUnknown says that the pod is of an etcd of which nobody told whether it is still there.
	isStayingUnknown bool
}

// at looks at a pod and its namespace. A pod on the host network has no tenant: its traffic is the node's.
func (l looker) at(ctx context.Context, key types.NamespacedName) (*looked, error) {
	pod, err := l.client.CoreV1().Pods(key.Namespace).Get(ctx, key.Name, metav1.GetOptions{})
	if err != nil {
		return nil, needsThere(err, tenant.View, key.Namespace, fmt.Sprintf("get pod %s", key))
	}

	one := &looked{pod: pod, peer: policy.Peer{Namespace: key.Namespace, Labels: pod.Labels}}
	if pod.Spec.HostNetwork {
		return one, nil
	}

	if l.below != "" && key.Namespace == l.below {
		one.tenant = &v1alpha1.Tenant{Status: v1alpha1.TenantStatus{Namespace: l.below}}
		one.peer.Tenant = &tenant.Resolved{Namespace: l.below}
		one.isUnseen = true

		return one, l.findEtcd(ctx, one)
	}

	for i := range l.tenants {
		if l.tenants[i].Status.Namespace == key.Namespace {
			one.tenant = &l.tenants[i]
			one.peer.Tenant = l.resolved(one.tenant)

			return one, l.findEtcd(ctx, one)
		}
	}

	namespace, err := l.client.CoreV1().Namespaces().Get(ctx, key.Namespace, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("get namespace %s, to see whether it is the platform's: %w", key.Namespace, err)
	}

	one.peer.IsSystem = namespace.Labels[policy.LabelSystem] == "true"

	return one, nil
}

// resolved is a tenant's place in the tree, as the statuses tell it.
func (l looker) resolved(t *v1alpha1.Tenant) *tenant.Resolved {
	resolved := &tenant.Resolved{
		Tenant: types.NamespacedName{Namespace: t.Namespace, Name: t.Name}, Namespace: t.Status.Namespace, Host: t.Status.Host,
	}

	byNamespace := make(map[string]*v1alpha1.Tenant, len(l.tenants))
	for i := range l.tenants {
		byNamespace[l.tenants[i].Status.Namespace] = &l.tenants[i]
	}

	// The root lives in its own namespace. A tree that is none, for want of rights to see it all, ends the walk too.
	for at := t; at != nil && at.Namespace != at.Status.Namespace && len(resolved.Ancestors) < len(l.tenants); at = byNamespace[at.Namespace] {
		resolved.Ancestors = append(resolved.Ancestors, at.Namespace)
	}

	slices.Reverse(resolved.Ancestors)

	provided := maps.Collect(t.Status.Services.All())
	for _, service := range tenant.Services() {
		status := provided[service.String()]
		resolved.Services[service] = tenant.Provision{Source: tenant.Source(status.Source), Namespace: status.Namespace}
	}

	return resolved
}

// placeNodes says what pods on the host network count as: the node that the pod at the other end runs on, another one, or
// one that the API server runs on.
func (l looker) placeNodes(ctx context.Context, source, destination *looked) error {
	if !source.pod.Spec.HostNetwork && !destination.pod.Spec.HostNetwork {
		return nil
	}

	servers, err := l.client.DiscoveryV1().EndpointSlices(metav1.NamespaceDefault).List(ctx,
		metav1.ListOptions{LabelSelector: discoveryv1.LabelServiceName + "=kubernetes"})
	if err != nil {
		return fmt.Errorf("list the addresses of the API server, to see whether it runs on a node: %w", err)
	}

	for _, one := range []*looked{source, destination} {
		if !one.pod.Spec.HostNetwork {
			continue
		}

		one.peer.Kind = policy.RemoteNode

		switch {
		case isAmong(servers.Items, one.pod.Status.HostIPs, one.pod.Status.HostIP):
			one.peer.Kind = policy.APIServer
		case source.pod.Spec.NodeName == destination.pod.Spec.NodeName:
			one.peer.Kind = policy.Host
		}
	}

	return nil
}

func isAmong(slicesOf []discoveryv1.EndpointSlice, addresses []corev1.HostIP, first string) bool {
	for _, slice := range slicesOf {
		for _, endpoint := range slice.Endpoints {
			if slices.ContainsFunc(endpoint.Addresses, func(one string) bool {
				return one == first || slices.Contains(addresses, corev1.HostIP{IP: one})
			}) {
				return true
			}
		}
	}

	return false
}

// end tells people what it is.
func (o *looked) end() End {
	end := End{Namespace: o.pod.Namespace, Pod: o.pod.Name}

	switch {
	case o.peer.Kind != policy.Pod:
		end.What = "on the host network: " + o.peer.String()
	case o.tenant != nil:
		end.What = "of tenant " + o.tenant.Status.Namespace
	case o.peer.IsSystem:
		end.What = "of the platform"
	default:
		end.What = "neither of a tenant nor of the platform"
	}

	for key, value := range o.pod.Labels {
		if key == policy.LabelService || strings.HasPrefix(key, "policy.cozystack.io/") {
			if end.Labels == nil {
				end.Labels = map[string]string{}
			}

			end.Labels[key] = value
		}
	}

	return end
}

// readSite is what cozy-controller knows of the site; else nil, and why.
func readSite(ctx context.Context, client kubernetes.Interface) (*policy.Site, error) {
	found, err := client.CoreV1().ConfigMaps(SiteNamespace).Get(ctx, SiteConfigMap, metav1.GetOptions{})

	switch {
	case apierrors.IsNotFound(err):
		return nil, fmt.Errorf("there is no ConfigMap %s in %s", SiteConfigMap, SiteNamespace)
	case err != nil:
		return nil, fmt.Errorf("get ConfigMap %s in %s: %w", SiteConfigMap, SiteNamespace, err)
	}

	text, isThere := found.Data[SiteKey]
	if !isThere {
		return nil, fmt.Errorf("ConfigMap %s in %s has no %s", SiteConfigMap, SiteNamespace, SiteKey)
	}

	site, err := policy.ReadSite([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("read ConfigMap %s in %s: %w", SiteConfigMap, SiteNamespace, err)
	}

	return &site, nil
}
