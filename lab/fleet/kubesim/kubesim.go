// SPDX-License-Identifier: Apache-2.0

// Package kubesim stands in for a Kubernetes API where a test is about machines: it says that it is ready, knows the nodes
// that registered, and has nothing else. What needs a real API server runs on the lab's plane.
//
// Nodes can be cordoned and deleted, and objects applied, of which it keeps the names only. It refuses all other writing, and
// asks nobody who they are. Still missing: watches, pods.
package kubesim

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/cozystack/cozy-install/lab/fleet/talosim"
)

// Server is the API of one cluster. It implements talosim.Kubernetes.
type Server struct {
	listener net.Listener
	server   *http.Server
	ended    chan error

	mu       sync.Mutex
	nodes    map[string]talosim.KubernetesNode
	down     map[string]bool
	cordoned map[string]bool
	ready    bool     // the nodes have a network
	applied  []string // namespace/name of the objects that were applied
}

// Start serves on loopback until Close. Its certificate is its own: the kubeconfigs do not check it.
func Start(ctx context.Context) (*Server, error) {
	certificate, err := selfSigned()
	if err != nil {
		return nil, fmt.Errorf("simulated Kubernetes API: %w", err)
	}

	var config net.ListenConfig

	listener, err := config.Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("simulated Kubernetes API: %w", err)
	}

	s := &Server{
		listener: listener, ended: make(chan error, 1),
		nodes: map[string]talosim.KubernetesNode{}, down: map[string]bool{}, cordoned: map[string]bool{},
	}
	s.server = &http.Server{
		Handler: s, ReadHeaderTimeout: time.Minute,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12},
	}

	go func() { s.ended <- s.server.ServeTLS(listener, "", "") }()

	return s, nil
}

// Close ends the API and its connections. It may be called once.
func (s *Server) Close() error {
	err := s.server.Close()
	<-s.ended // always http.ErrServerClosed

	return err
}

// Kubeconfig implements talosim.Kubernetes.
func (*Server) Kubeconfig(server string) ([]byte, error) {
	return fmt.Appendf(nil, `apiVersion: v1
kind: Config
clusters: [{name: sim, cluster: {server: %q, insecure-skip-tls-verify: true}}]
users: [{name: admin, user: {token: simulated}}]
contexts: [{name: sim, context: {cluster: sim, user: admin}}]
current-context: sim
`, server), nil
}

// RegisterNode implements talosim.Kubernetes.
func (s *Server) RegisterNode(_ context.Context, node talosim.KubernetesNode) error {
	s.mu.Lock()
	defer s.mu.Unlock()

	s.nodes[node.Name], s.down[node.Name] = node, false

	return nil
}

// SetDown implements talosim.Kubernetes.
func (s *Server) SetDown(_ context.Context, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()

	s.down[name] = true

	return nil
}

// Dial implements talosim.Kubernetes.
func (s *Server) Dial(ctx context.Context) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "tcp", s.listener.Addr().String())
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.Split(strings.Trim(r.URL.Path, "/"), "/")

	switch {
	case r.Method != http.MethodGet:
		s.write(w, r, path)
	case r.URL.Path == "/readyz":
		fmt.Fprint(w, "ok")
	case r.URL.Path == "/api/v1/nodes":
		answer(w, s.list())
	case len(path) == 4 && r.URL.Path == "/api/v1/nodes/"+path[3]:
		s.get(w, path[3])
	case r.URL.Path == "/api", r.URL.Path == "/apis", r.URL.Path == "/api/v1":
		answer(w, discovery(r.URL.Path))
	case path[0] == "api" && len(path) >= 3, path[0] == "apis" && len(path) >= 4:
		answer(w, nothing(path))
	default:
		http.NotFound(w, r)
	}
}

// nothing is an empty list of whatever a path means. Its kind is the plural's English singular, which is right for the
// resources that are asked for: pods, daemonsets, deployments, services, endpointslices.
func nothing(path []string) any {
	group := path[1]
	if path[0] == "apis" {
		group = path[1] + "/" + path[2]
	}

	kinds := map[string]string{
		"daemonsets": "DaemonSet", "deployments": "Deployment", "endpointslices": "EndpointSlice", "replicasets": "ReplicaSet",
	}

	plural := path[len(path)-1]

	kind, known := kinds[plural]
	if !known {
		singular := strings.TrimSuffix(plural, "s")
		kind = strings.ToUpper(singular[:1]) + singular[1:]
	}

	return map[string]any{
		"apiVersion": group, "kind": kind + "List", "metadata": map[string]any{"resourceVersion": "1"}, "items": []any{},
	}
}

func (s *Server) list() corev1.NodeList {
	s.mu.Lock()
	defer s.mu.Unlock()

	out := corev1.NodeList{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "NodeList"}, ListMeta: metav1.ListMeta{ResourceVersion: "1"},
	}
	for name, node := range s.nodes {
		out.Items = append(out.Items, s.object(name, node))
	}

	slices.SortFunc(out.Items, func(a, b corev1.Node) int { return strings.Compare(a.Name, b.Name) })

	return out
}

func answer(w http.ResponseWriter, object any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(object) //nolint:errchkjson // the client may be gone; the objects are Kubernetes's own
}
