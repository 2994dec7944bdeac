// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cozystack/cozy-install/bootstrap/kube"
	"github.com/cozystack/cozy-install/tenant"
)

// httpsPort is the name of the port that the ingress chart publishes.
const httpsPort = "https"

// published is where the ingress of tenant-root is reached: addresses, or names of load balancers.
type published struct {
	Hosts []string
	Port  int32
}

// addresses are what a probe dials, in the order of Hosts.
func (p published) addresses() []string {
	out := make([]string, 0, len(p.Hosts))
	for _, host := range p.Hosts {
		out = append(out, net.JoinHostPort(host, strconv.Itoa(int(p.Port))))
	}
	return out
}

// publishedAt finds the Service of the ingress in tenant-root by whose it is, and where it leads to it.
func publishedAt(ctx context.Context, client *kube.Client) (published, error) {
	list, err := client.Typed.CoreV1().Services(tenant.RootNamespace).List(ctx, metav1.ListOptions{
		LabelSelector: "apps.cozystack.io/application.kind=Ingress,apps.cozystack.io/application.name=" + tenant.Ingress.String(),
	})
	if err != nil {
		return published{}, fmt.Errorf("list the Services of the ingress in %s: %w", tenant.RootNamespace, err)
	}
	for _, service := range list.Items {
		i := slices.IndexFunc(service.Spec.Ports, func(p corev1.ServicePort) bool { return p.Name == httpsPort })
		if i < 0 {
			continue
		}
		return addressOf(ctx, client, service, service.Spec.Ports[i])
	}
	return published{}, fmt.Errorf("the ingress in %s has no Service with a port called %s", tenant.RootNamespace, httpsPort)
}

func addressOf(ctx context.Context, client *kube.Client, service corev1.Service, port corev1.ServicePort) (published, error) {
	out := published{Port: port.Port}
	switch {
	case len(service.Spec.ExternalIPs) > 0:
		out.Hosts = service.Spec.ExternalIPs
	case service.Spec.Type == corev1.ServiceTypeLoadBalancer:
		for _, given := range service.Status.LoadBalancer.Ingress {
			if given.IP != "" {
				out.Hosts = append(out.Hosts, given.IP)
			} else if given.Hostname != "" {
				out.Hosts = append(out.Hosts, given.Hostname)
			}
		}
	case service.Spec.Type == corev1.ServiceTypeNodePort:
		states, err := client.NodeStates(ctx)
		if err != nil {
			return published{}, err
		}
		out.Port = port.NodePort
		for _, node := range states {
			if node.Ready && node.Address != "" {
				out.Hosts = append(out.Hosts, node.Address)
			}
		}
	}
	if len(out.Hosts) == 0 || out.Port == 0 {
		return published{}, fmt.Errorf("no address is published: Service %s/%s of type %s has none", service.Namespace, service.Name, service.Spec.Type)
	}
	return out, nil
}
