// SPDX-License-Identifier: Apache-2.0

package build

import (
	"context"
	"time"
)

// NodeSet names the programs of real Talos nodes. All paths are absolute.
type NodeSet struct {
	Machined   string // of the module's version of Talos, with apid and trustd in it
	Containerd string
	Shim       string // containerd-shim-runc-v2
	// What runs in containers on a node.
	Kubelet, Etcd, APIServer, ControllerManager, Scheduler string
}

// The modules of Talos's versions below lab/tools.
const (
	Talos112 = "talos"
	Talos113 = "talos113"
)

// Nodes returns the programs of nodes that run the Talos of a module, building those that are missing, as [Tools] does. With
// an empty Go build cache it takes about 1,300 CPU-seconds, of which 650 are shared with [Tools].
func Nodes(ctx context.Context, cfg Config, talos string) (NodeSet, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return NodeSet{}, err
	}
	path, err := cfg.buildAll(ctx, nodeCatalogue(talos))
	if err != nil {
		return NodeSet{}, err
	}
	return NodeSet{
		Machined:          path(talos, "machined"),
		Containerd:        path("containerd", "containerd"),
		Shim:              path("containerd", "containerd-shim-runc-v2"),
		Kubelet:           path("kube", "kubelet"),
		Etcd:              path("kube", "etcd"),
		APIServer:         path("kube", "kube-apiserver"),
		ControllerManager: path("kube", "kube-controller-manager"),
		Scheduler:         path("kube", "kube-scheduler"),
	}, nil
}

// nodeCatalogue is in the order of building. Tags and flags are those of Talos's Dockerfile and of its build of containerd.
func nodeCatalogue(talos string) []program {
	const (
		containerd = "github.com/containerd/containerd/v2/cmd/"
		kubernetes = "k8s.io/kubernetes"
	)
	containerdTags := []string{"no_btrfs", "no_devmapper", "no_zfs"}
	return []program{
		{
			name: "machined", module: talos, pkg: "github.com/siderolabs/talos/internal/app/machined",
			tags: []string{"tcell_minimal", "grpcnotrace"},
			link: []string{"-X golang.zx2c4.com/wireguard/ipc.socketDirectory=/system/wireguard-sock"},
			cost: 375 * time.Second,
		},
		{name: "containerd", module: "containerd", pkg: containerd + "containerd", tags: containerdTags, cost: 105 * time.Second},
		{name: "containerd-shim-runc-v2", module: "containerd", pkg: containerd + "containerd-shim-runc-v2", tags: containerdTags, cost: 5 * time.Second},
		{name: "etcd", module: "kube", pkg: "go.etcd.io/etcd/server/v3", cost: 110 * time.Second},
		{name: "kube-apiserver", module: "kube", pkg: kubernetes + "/cmd/kube-apiserver", stamp: kubernetes, cost: 450 * time.Second},
		{name: "kube-controller-manager", module: "kube", pkg: kubernetes + "/cmd/kube-controller-manager", stamp: kubernetes, cost: 140 * time.Second},
		{name: "kube-scheduler", module: "kube", pkg: kubernetes + "/cmd/kube-scheduler", stamp: kubernetes, cost: 15 * time.Second},
		{name: "kubelet", module: "kube", pkg: kubernetes + "/cmd/kubelet", stamp: kubernetes, cost: 50 * time.Second},
	}
}
