// SPDX-License-Identifier: Apache-2.0

package talosim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/cosi-project/runtime/pkg/resource/meta"
	"github.com/cosi-project/runtime/pkg/state/registry"
	"github.com/siderolabs/talos/pkg/machinery/api/common"
	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/constants"
	"github.com/siderolabs/talos/pkg/machinery/resources/block"
	configres "github.com/siderolabs/talos/pkg/machinery/resources/config"
	"github.com/siderolabs/talos/pkg/machinery/resources/hardware"
	"github.com/siderolabs/talos/pkg/machinery/resources/k8s"
	"github.com/siderolabs/talos/pkg/machinery/resources/network"
	"github.com/siderolabs/talos/pkg/machinery/resources/runtime"
	"github.com/siderolabs/talos/pkg/machinery/resources/secrets"
	timeres "github.com/siderolabs/talos/pkg/machinery/resources/time"
	"github.com/siderolabs/talos/pkg/machinery/resources/v1alpha1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// defineResources publishes which kinds of resources there are, as whoever wants to read all of them asks first.
func (o *osRun) defineResources(ctx context.Context) error {
	kinds := registry.NewResourceRegistry(o.resources)
	errs := []error{kinds.RegisterDefault(ctx)}

	for _, kind := range []meta.ResourceWithRD{
		&hardware.SystemInformation{}, &runtime.Version{}, &runtime.SecurityState{}, &runtime.MachineStatus{},
		&timeres.Status{}, &network.LinkStatus{}, &network.HostnameStatus{}, &network.NodeAddress{}, &block.Disk{},
		&block.DiscoveredVolume{}, &block.SystemDisk{}, &v1alpha1.Service{}, &configres.MachineType{},
		&configres.MachineConfig{}, &k8s.Manifest{}, &secrets.OSRoot{}, &secrets.KubernetesRoot{},
	} {
		errs = append(errs, kinds.Register(ctx, kind))
	}

	return errors.Join(errs...)
}

// publishSecrets fills the resources that hold keys, and the manifest that holds the bootstrap token: Talos does not mark
// manifests as sensitive (1.13).
func (c *configured) publishSecrets(ctx context.Context) error {
	root := secrets.NewOSRoot(secrets.OSRootID)
	root.TypedSpec().IssuingCA = c.provider.Machine().Security().IssuingCA()
	root.TypedSpec().Token = c.provider.Machine().Security().Token()
	published := []resource.Resource{root}

	if c.self.controlPlane {
		cluster := secrets.NewKubernetesRoot(secrets.KubernetesRootID)
		cluster.TypedSpec().IssuingCA = c.provider.Cluster().IssuingCA()
		cluster.TypedSpec().SecretboxEncryptionSecret = c.provider.Cluster().SecretboxEncryptionSecret()

		token := c.provider.Cluster().Token()
		manifest := k8s.NewManifest(k8s.ControlPlaneNamespaceName, "00-kubelet-bootstrapping-token")
		manifest.TypedSpec().Items = []k8s.SingleManifest{{Object: map[string]any{
			"apiVersion": "v1", "kind": "Secret", "type": "bootstrap.kubernetes.io/token",
			"metadata":   map[string]any{"name": "bootstrap-token-" + token.ID(), "namespace": "kube-system"},
			"stringData": map[string]any{"token-id": token.ID(), "token-secret": token.Secret()},
		}}}
		published = append(published, cluster, manifest)
	}

	var errs []error
	for _, r := range published {
		errs = append(errs, c.resources.Create(ctx, r))
	}

	return errors.Join(errs...)
}

// Dmesg implements the machine API.
func (a *api) Dmesg(_ *machine.DmesgRequest, stream machine.MachineService_DmesgServer) error {
	return stream.Send(&common.Data{Bytes: []byte(
		"kern:    info: [2026-01-01T00:00:00Z]: Linux version 6.18.0-talos (simulated)\n" +
			"kern:  notice: [2026-01-01T00:00:00Z]: Command line: talos.platform=metal console=tty0\n")})
}

// Logs implements the machine API for the logs of services and of static pods.
func (a *api) Logs(request *machine.LogsRequest, stream machine.MachineService_LogsServer) error {
	if request.GetNamespace() == constants.K8sContainerdNamespace {
		if !slices.ContainsFunc(a.containers(), func(c *machine.ContainerInfo) bool { return c.GetId() == request.GetId() }) {
			return fmt.Errorf("container %q not found", request.GetId())
		}

		return stream.Send(&common.Data{Bytes: []byte("simulated log of " + request.GetId() + "\n")})
	}

	a.mu.Lock()

	var lines strings.Builder

	for _, s := range a.services {
		if s.id == request.GetId() {
			for _, e := range s.events {
				fmt.Fprintf(&lines, "%s: %s: %s\n", s.id, e.GetState(), e.GetMsg())
			}
		}
	}

	a.mu.Unlock()

	if id := request.GetId(); id == "controller-runtime" || id == "machined" { // logs from the start, and no services with events
		lines.WriteString("simulated " + id + " started\n")
	}

	if lines.Len() == 0 {
		return fmt.Errorf("log %q was not registered", request.GetId())
	}

	return stream.Send(&common.Data{Bytes: []byte(lines.String())})
}

// Containers implements the machine API. Before CRI runs there is nobody to ask.
func (a *api) Containers(context.Context, *machine.ContainersRequest) (*machine.ContainersResponse, error) {
	boot := a.current()
	if boot == nil || !boot.criRuns() {
		return nil, status.Error(codes.Unavailable, "connection error: dial unix /run/containerd/containerd.sock: no such file")
	}

	return &machine.ContainersResponse{Messages: []*machine.Container{{Containers: a.containers()}}}, nil
}

// containers are those of a control plane's static pods.
func (a *api) containers() []*machine.ContainerInfo {
	boot := a.current()
	if boot == nil || !boot.self.controlPlane {
		return nil
	}

	var list []*machine.ContainerInfo

	for _, name := range []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler"} {
		pod := "kube-system/" + name + "-" + boot.name
		list = append(list, &machine.ContainerInfo{
			Namespace: constants.K8sContainerdNamespace, Id: pod + ":" + name, Name: name, PodId: pod,
			Status: "CONTAINER_RUNNING", Pid: 1000,
		})
	}

	return list
}

// Processes implements the machine API. A kernel thread has neither arguments nor an executable.
func (a *api) Processes(context.Context, *empty) (*machine.ProcessesResponse, error) {
	return &machine.ProcessesResponse{Messages: []*machine.Process{{Processes: []*machine.ProcessInfo{
		{Pid: 1, State: "S", Threads: 12, Command: "init", Executable: "/sbin/init", Args: "/sbin/init"},
		{Pid: 2, State: "S", Threads: 1, Command: "kthreadd"},
	}}}}, nil
}

// Mounts implements the machine API.
func (a *api) Mounts(context.Context, *empty) (*machine.MountsResponse, error) {
	return &machine.MountsResponse{Messages: []*machine.Mounts{{Stats: []*machine.MountStat{
		{Filesystem: "rootfs", Size: 1 << 30, Available: 1 << 29, MountedOn: "/"},
	}}}}, nil
}

// DiskStats implements the machine API.
func (a *api) DiskStats(context.Context, *empty) (*machine.DiskStatsResponse, error) {
	var devices []*machine.DiskStat
	for _, d := range a.Hardware.Disks {
		devices = append(devices, &machine.DiskStat{Name: diskID(d.Path), ReadSectors: 1})
	}

	return &machine.DiskStatsResponse{Messages: []*machine.DiskStats{{Devices: devices}}}, nil
}
