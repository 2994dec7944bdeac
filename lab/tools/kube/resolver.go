// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"sync"

	"k8s.io/klog/v2"
)

// resolver answers where the apiserver finds a Service that it calls: a webhook, a conversion webhook or an APIService.
// It takes the place of ClusterIPs and endpoints, behind which the lab has nothing.
type resolver struct {
	file    string // JSON object: "namespace/service:port" -> "host:port"
	self    string // host:port of the apiserver
	standIn string // host:port of the simulated webhook server, for every Service without a route

	mu     sync.Mutex
	loaded os.FileInfo // of the file that routes came from; nil before the first
	routes map[string]string
}

// ResolveEndpoint implements the apiserver's ServiceResolver. It may be called concurrently.
func (r *resolver) ResolveEndpoint(namespace, name string, port int32) (*url.URL, error) {
	key := fmt.Sprintf("%s/%s:%d", namespace, name, port)
	if key == "default/kubernetes:443" {
		return &url.URL{Scheme: "https", Host: r.self}, nil
	}
	routes, err := r.current()
	if err != nil {
		return nil, fmt.Errorf("find service %s: %w", key, err)
	}
	if target, ok := routes[key]; ok {
		return &url.URL{Scheme: "https", Host: target}, nil
	}
	klog.V(1).InfoS("no route, answered by the simulated webhook server", "service", key)
	return &url.URL{Scheme: "https", Host: r.standIn}, nil
}

// current reads the file again when it has changed. The calls are few; a stat for each is cheaper than a watch is complex.
func (r *resolver) current() (map[string]string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	info, err := os.Stat(r.file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	// The file is replaced as a whole; the clock of its times ticks too seldom to tell two changes apart alone.
	if r.loaded != nil && os.SameFile(info, r.loaded) && info.ModTime().Equal(r.loaded.ModTime()) {
		return r.routes, nil
	}
	data, err := os.ReadFile(r.file)
	if err != nil {
		return nil, err
	}
	var routes map[string]string
	if err := json.Unmarshal(data, &routes); err != nil {
		return nil, fmt.Errorf("read routes from %s: %w", r.file, err)
	}
	r.routes, r.loaded = routes, info
	return routes, nil
}
