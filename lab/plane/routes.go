// SPDX-License-Identifier: Apache-2.0

package plane

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"os"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/google/renameio/v2"
)

// routes lead from Services and hosts to local addresses. The file is read by labplane, for the API server's own calls.
type routes struct {
	file string

	mu      sync.Mutex
	targets map[string]string // "namespace/service:port", or the host:port of a URL -> "host:port"
}

func newRoutes(file string) *routes { return &routes{file: file, targets: map[string]string{}} }

// RouteService makes a port of a Service lead to a local address: for Flux's downloads over HTTP, and for the API server's calls of
// webhooks and aggregated APIs over HTTPS (there the certificate must be for <name>.<namespace>.svc). The Service need not
// exist for Flux. An empty target removes the route.
func (p *Plane) RouteService(namespace, name string, port int, target string) error {
	if target != "" {
		if _, _, err := net.SplitHostPort(target); err != nil {
			return fmt.Errorf("route service %s/%s: target %q is not host:port: %w", namespace, name, target, err)
		}
	}
	return p.routes.set(serviceKey(namespace, name, port), target)
}

// RouteHost makes a host:port of URLs lead to a local address, for Flux's downloads over HTTP.
func (p *Plane) RouteHost(host, target string) error {
	for _, one := range []string{host, target} {
		if _, _, err := net.SplitHostPort(one); err != nil {
			return fmt.Errorf("route host %s to %s: %q is not host:port: %w", host, target, one, err)
		}
	}
	return p.routes.set(host, target)
}

func (r *routes) set(key, target string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	targets := maps.Clone(r.targets)
	targets[key] = target
	if target == "" {
		delete(targets, key)
	}
	data, err := json.Marshal(targets)
	if err != nil {
		return err
	}
	if err := renameio.WriteFile(r.file, data, os.FileMode(0o600)); err != nil {
		return fmt.Errorf("write routes of services: %w", err)
	}
	r.targets = targets
	return nil
}

func (r *routes) get(key string) (target string, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	target, ok = r.targets[key]
	return target, ok
}

// target finds the program behind a port of a Service, as kube-proxy finds a ready endpoint.
func (k *kubelet) target(namespace, name string, port int) (string, error) {
	service, err := k.services.Services(namespace).Get(name)
	if err != nil {
		return "", err
	}
	var wanted *corev1.ServicePort
	for i := range service.Spec.Ports {
		if int(service.Spec.Ports[i].Port) == port {
			wanted = &service.Spec.Ports[i]
		}
	}
	if wanted == nil {
		return "", fmt.Errorf("service %s/%s has no port %d", namespace, name, port)
	}
	if len(service.Spec.Selector) == 0 {
		return "", fmt.Errorf("service %s/%s selects no pods and has no route", namespace, name)
	}
	selector := labels.SelectorFromSet(service.Spec.Selector)
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, r := range k.runners {
		if r.pod.Namespace != namespace || !r.ready.Load() || !selector.Matches(labels.Set(r.pod.Labels)) {
			continue
		}
		if address := r.addresses[portName(r.pod, wanted)]; address != "" {
			return address, nil
		}
	}
	return "", fmt.Errorf("no ready program behind port %d of service %s/%s", port, namespace, name)
}

// portName is the name of the container port that a Service's port leads to, empty if it has none.
func portName(pod *corev1.Pod, port *corev1.ServicePort) string {
	if port.TargetPort.StrVal != "" {
		return port.TargetPort.StrVal
	}
	number := port.TargetPort.IntVal
	if number == 0 {
		number = port.Port
	}
	for _, container := range pod.Spec.Containers {
		for _, candidate := range container.Ports {
			if candidate.ContainerPort == number {
				return candidate.Name
			}
		}
	}
	return ""
}

func serviceKey(namespace, name string, port int) string {
	return fmt.Sprintf("%s/%s:%d", namespace, name, port)
}
