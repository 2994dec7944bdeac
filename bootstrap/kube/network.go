// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// Network is what a cluster tells of its own addresses. A list that is empty is one that it does not tell.
type Network struct {
	Nodes    []netip.Addr // as their Node objects have them
	Pods     []netip.Prefix
	Services []netip.Prefix
	API      []netip.Addr // behind the Service kubernetes
	APIPort  uint16       // there; zero: unknown
}

// Network asks the cluster for its addresses: Node objects, ServiceCIDRs (Kubernetes 1.33 and later), what kubeadm wrote down, and
// the endpoints of the Service kubernetes.
func (c *Client) Network(ctx context.Context) (Network, error) {
	var out Network
	err := errors.Join(c.addNodes(ctx, &out), c.addServices(ctx, &out), c.addKubeadm(ctx, &out), c.addAPI(ctx, &out))
	return out, err
}

func (c *Client) addNodes(ctx context.Context, out *Network) error {
	options := metav1.ListOptions{Limit: pageSize}
	for {
		list, err := c.Typed.CoreV1().Nodes().List(ctx, options)
		if err != nil {
			return fmt.Errorf("list nodes: %w", err)
		}
		for _, node := range list.Items {
			for _, address := range node.Status.Addresses {
				if addr, err := netip.ParseAddr(address.Address); err == nil && !slices.Contains(out.Nodes, addr) { // else a name
					out.Nodes = append(out.Nodes, addr)
				}
			}
			out.Pods = addPrefixes(out.Pods, node.Spec.PodCIDRs...)
		}
		if options.Continue = list.Continue; options.Continue == "" {
			return nil
		}
	}
}

func (c *Client) addServices(ctx context.Context, out *Network) error {
	list, err := c.Typed.NetworkingV1().ServiceCIDRs().List(ctx, metav1.ListOptions{Limit: pageSize})
	if apierrors.IsNotFound(err) { // before Kubernetes 1.33
		return nil
	}
	if err != nil {
		return fmt.Errorf("list service CIDRs: %w", err)
	}
	for _, one := range list.Items {
		out.Services = addPrefixes(out.Services, one.Spec.CIDRs...)
	}
	return nil
}

// addKubeadm adds the networks that kubeadm, and with it kind, set the cluster up with.
func (c *Client) addKubeadm(ctx context.Context, out *Network) error {
	found, err := c.Typed.CoreV1().ConfigMaps(systemNamespace).Get(ctx, "kubeadm-config", metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("get ConfigMap %s/kubeadm-config: %w", systemNamespace, err)
	}
	var config struct {
		Networking struct {
			PodSubnet     string `json:"podSubnet"`
			ServiceSubnet string `json:"serviceSubnet"`
		} `json:"networking"`
	}
	if err := yaml.Unmarshal([]byte(found.Data["ClusterConfiguration"]), &config); err != nil {
		return fmt.Errorf("read ConfigMap %s/kubeadm-config: %w", systemNamespace, err)
	}
	out.Pods = addPrefixes(out.Pods, strings.Split(config.Networking.PodSubnet, ",")...)
	out.Services = addPrefixes(out.Services, strings.Split(config.Networking.ServiceSubnet, ",")...)
	return nil
}

func (c *Client) addAPI(ctx context.Context, out *Network) error {
	list, err := c.Typed.DiscoveryV1().EndpointSlices(metav1.NamespaceDefault).List(ctx, metav1.ListOptions{
		LabelSelector: discoveryv1.LabelServiceName + "=kubernetes", Limit: pageSize,
	})
	if err != nil {
		return fmt.Errorf("list the endpoints of Service kubernetes: %w", err)
	}
	for _, slice := range list.Items {
		for _, endpoint := range slice.Endpoints {
			for _, text := range endpoint.Addresses {
				if addr, err := netip.ParseAddr(text); err == nil && !slices.Contains(out.API, addr) {
					out.API = append(out.API, addr)
				}
			}
		}
		for _, port := range slice.Ports {
			if port.Port != nil && *port.Port > 0 && *port.Port < 1<<16 {
				out.APIPort = uint16(*port.Port)
			}
		}
	}
	return nil
}

// addPrefixes adds those texts that are networks and are not there yet.
func addPrefixes(to []netip.Prefix, texts ...string) []netip.Prefix {
	for _, text := range texts {
		prefix, err := netip.ParsePrefix(strings.TrimSpace(text))
		if err == nil && !slices.Contains(to, prefix.Masked()) {
			to = append(to, prefix.Masked())
		}
	}
	return to
}
