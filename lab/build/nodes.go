// SPDX-License-Identifier: Apache-2.0

package build

import (
	"context"
	"time"
)

// NodeSet names the programs that a Talos node is made of. All paths are absolute.
type NodeSet struct {
	Machined   string // of the module's version of Talos, with apid and trustd in it
	Containerd string
	Shim       string // containerd-shim-runc-v2
}

// ImageSet names the programs that run in containers on a Talos node.
type ImageSet struct{ Kubelet, Proxy, Etcd, APIServer, ControllerManager, Scheduler string }

// Modules of Talos 1.12 and 1.13 below lab/tools.
const (
	Talos112 = "talos"
	Talos113 = "talos113"
)

// Nodes returns the programs of nodes that run the Talos of a module, building those that are missing, as [Tools] does. With
// an empty Go build cache it takes about 430 CPU-seconds.
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
		Machined:   path(talos, "machined"),
		Containerd: path("containerd", "containerd"),
		Shim:       path("containerd", "containerd-shim-runc-v2"),
	}, nil
}

// NodeImages does the same for what nodes run in containers. Most of what it compiles is the control plane's of [Tools].
func NodeImages(ctx context.Context, cfg Config) (ImageSet, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return ImageSet{}, err
	}
	path, err := cfg.buildAll(ctx, imageCatalogue())
	if err != nil {
		return ImageSet{}, err
	}
	return ImageSet{
		Kubelet:           path("kubelet", "kubelet"),
		Proxy:             path("kubelet", "kube-proxy"),
		Etcd:              path("etcd", "etcd"),
		APIServer:         path("kube", "kube-apiserver"),
		ControllerManager: path("kube", "kube-controller-manager"),
		Scheduler:         path("kube", "kube-scheduler"),
	}, nil
}

// nodeCatalogue is in the order of building. Tags and flags are those of Talos's Dockerfile and of its build of containerd.
func nodeCatalogue(talos string) []program {
	const containerd = "github.com/containerd/containerd/v2/cmd/"
	tags := []string{"no_btrfs", "no_devmapper", "no_zfs"}
	return []program{
		{
			name: "machined", module: talos, pkg: "github.com/siderolabs/talos/internal/app/machined",
			tags: []string{"tcell_minimal", "grpcnotrace"},
			link: []string{"-X golang.zx2c4.com/wireguard/ipc.socketDirectory=/system/wireguard-sock"},
			cost: 375 * time.Second,
		},
		{name: "containerd", module: "containerd", pkg: containerd + "containerd", tags: tags, cost: 55 * time.Second},
		{name: "containerd-shim-runc-v2", module: "containerd", pkg: containerd + "containerd-shim-runc-v2", tags: tags, cost: 2 * time.Second},
	}
}

// imageCatalogue is in the order of building. The costs are those after [Tools], but for etcd's.
func imageCatalogue() []program {
	const kubernetes = "k8s.io/kubernetes"
	out := []program{{name: "etcd", module: "etcd", pkg: "go.etcd.io/etcd/server/v3", cost: 35 * time.Second}}
	for _, name := range []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler"} {
		out = append(out, program{name: name, module: "kube", pkg: kubernetes + "/cmd/" + name, stamp: kubernetes, cost: 20 * time.Second})
	}
	// These need more modules than the control plane, in the same versions.
	return append(out,
		program{name: "kubelet", module: "kubelet", pkg: kubernetes + "/cmd/kubelet", stamp: kubernetes, cost: 50 * time.Second},
		program{name: "kube-proxy", module: "kubelet", pkg: kubernetes + "/cmd/kube-proxy", stamp: kubernetes, cost: 20 * time.Second})
}
