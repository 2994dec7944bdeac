// SPDX-License-Identifier: Apache-2.0

package talos

import (
	"slices"
	"strings"
)

// Repositories of what Talos runs beside Kubernetes. Up to 1.11 it took etcd from Google's registry.
const (
	etcdRepository    = "registry.k8s.io/etcd"
	oldEtcdRepository = "gcr.io/etcd-development/etcd"
	dnsRepository     = "registry.k8s.io/coredns/coredns"
	pauseRepository   = "registry.k8s.io/pause"
)

// systemVersions are what one or more releases of Talos run.
type systemVersions struct {
	etcd, dns, pause string   // v3.6.12, v1.14.6, 3.10.1
	talos            []string // 1.13.8
}

// knownVersions are those of every release from 1.11.0 to 1.13.9. Talos's library knows only its own: the others were read
// from Talos's repository, at the tag of each release (pkg/machinery/constants/constants.go, DefaultEtcdVersion and
// DefaultCoreDNSVersion; pkg/images/list.go, DefaultSandboxImage).
func knownVersions() []systemVersions {
	return []systemVersions{
		{"v3.6.4", "v1.12.2", "3.10", []string{"1.11.0"}},
		{"v3.6.4", "v1.12.3", "3.10", []string{"1.11.1", "1.11.2"}},
		{"v3.6.5", "v1.12.4", "3.10", []string{"1.11.3", "1.11.4", "1.11.5", "1.11.6"}},
		{"v3.6.7", "v1.13.2", "3.10", []string{"1.12.0", "1.12.1", "1.12.2", "1.12.3", "1.12.4"}},
		{"v3.6.8", "v1.13.2", "3.10", []string{"1.12.5", "1.12.6"}},
		{"v3.6.9", "v1.13.2", "3.10", []string{"1.12.7"}},
		{"v3.6.11", "v1.14.3", "3.10.1", []string{"1.12.8"}},
		{"v3.6.11", "v1.14.2", "3.10.1", []string{"1.12.9", "1.12.10", "1.12.11"}},
		{"v3.6.9", "v1.14.2", "3.10.1", []string{"1.13.0"}},
		{"v3.6.11", "v1.14.2", "3.10.1", []string{"1.13.1", "1.13.2", "1.13.3"}},
		{"v3.6.12", "v1.14.2", "3.10.1", []string{"1.13.4", "1.13.5", "1.13.6"}},
		{"v3.6.12", "v1.14.4", "3.10.1", []string{"1.13.7"}},
		{"v3.6.12", "v1.14.6", "3.10.1", []string{"1.13.8", "1.13.9"}},
	}
}

// versionsOf are those of a release: v1.13.9. It reports false for one that is not known.
func versionsOf(talosVersion string) (systemVersions, bool) {
	for _, known := range knownVersions() {
		if slices.ContainsFunc(known.talos, func(release string) bool { return SameVersion(talosVersion, release) }) {
			return known, true
		}
	}

	return systemVersions{}, false
}

// systemRepositories are those of etcd, CoreDNS and what holds pods, for a version of Talos: v1.13.9. An empty one stands for
// all there are.
func systemRepositories(talosVersion string) []string {
	out := []string{etcdRepository, dnsRepository, pauseRepository}

	switch {
	case talosVersion == "":
		return append(out, oldEtcdRepository)
	case strings.HasPrefix(strings.TrimPrefix(talosVersion, "v"), "1.11."):
		out[0] = oldEtcdRepository
	}

	return out
}
