// SPDX-License-Identifier: Apache-2.0

package taloslab_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/client"
	"github.com/siderolabs/talos/pkg/machinery/resources/block"
	"github.com/siderolabs/talos/pkg/machinery/resources/cluster"
	"github.com/siderolabs/talos/pkg/machinery/resources/config"
	"github.com/siderolabs/talos/pkg/machinery/resources/etcd"
	"github.com/siderolabs/talos/pkg/machinery/resources/hardware"
	"github.com/siderolabs/talos/pkg/machinery/resources/k8s"
	"github.com/siderolabs/talos/pkg/machinery/resources/network"
	"github.com/siderolabs/talos/pkg/machinery/resources/runtime"
	"github.com/siderolabs/talos/pkg/machinery/resources/secrets"
	timeres "github.com/siderolabs/talos/pkg/machinery/resources/time"
	"github.com/siderolabs/talos/pkg/machinery/resources/v1alpha1"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
)

// answers are what a node says to each call: a gRPC code with its text, or the shape of what came.
type answers map[string]string

// said is an answer in words that do not change from one node or version to the next.
func said(shape string, err error) string {
	if err == nil {
		return "OK: " + shape
	}
	s, _ := status.FromError(err)
	text := regexp.MustCompile(`desc = (.*)`).ReplaceAllString(s.Message(), "$1")
	return s.Code().String() + ": " + strings.TrimSpace(text)
}

// dialRaw speaks to a node as talosctl does, without the care of package talos.
func dialRaw(t *testing.T, addr netip.AddrPort, config *tls.Config) *client.Client {
	t.Helper()
	c, err := client.New(t.Context(), client.WithEndpoints(addr.String()), client.WithTLSConfig(config),
		client.WithGRPCDialOptions(grpc.WithNoProxy()))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

// resources are those that the product reads, or must not be able to.
func resources() []resource.Resource {
	return []resource.Resource{
		hardware.NewSystemInformation(""), hardware.NewProcessorInfo(""), hardware.NewMemoryModuleInfo(""),
		network.NewLinkStatus(network.NamespaceName, ""), network.NewAddressStatus(network.NamespaceName, ""),
		network.NewHostnameStatus(network.NamespaceName, ""), network.NewRouteStatus(network.NamespaceName, ""),
		network.NewLinkSpec(network.NamespaceName, ""), network.NewAddressSpec(network.NamespaceName, ""),
		network.NewStatus(network.NamespaceName, ""),
		runtime.NewMachineStatus(), runtime.NewVersion(), runtime.NewSecurityStateSpec(runtime.NamespaceName),
		runtime.NewMetaKey(runtime.NamespaceName, ""), runtime.NewPlatformMetadataSpec(runtime.NamespaceName, ""),
		runtime.NewExtensionStatus(runtime.NamespaceName, ""), runtime.NewDiagnostic(runtime.NamespaceName, ""),
		block.NewDisk(block.NamespaceName, ""), block.NewDiscoveredVolume(block.NamespaceName, ""),
		block.NewSystemDisk(block.NamespaceName, ""), block.NewVolumeStatus(block.NamespaceName, ""),
		block.NewVolumeConfig(block.NamespaceName, ""),
		config.NewMachineType(), config.NewMachineConfigWithID(nil, config.ActiveID),
		timeres.NewStatus(), v1alpha1.NewService(""),
		k8s.NewNodename(k8s.NamespaceName, ""), k8s.NewStaticPodStatus(k8s.NamespaceName, ""), k8s.NewNodeStatus(k8s.NamespaceName, ""),
		etcd.NewMember(etcd.NamespaceName, ""), cluster.NewMember(cluster.NamespaceName, ""),
		secrets.NewOSRoot(""), secrets.NewKubernetesRoot(""), secrets.NewEtcdRoot(""), secrets.NewAPI(), secrets.NewKubelet(""),
	}
}

// listAll asks for each kind of resource. How many there are is the machine's business, whether there are any is not.
func listAll(ctx context.Context, c *client.Client) answers {
	out := answers{}
	for _, one := range resources() {
		kind := one.Metadata()
		list, err := c.COSI.List(ctx, resource.NewMetadata(kind.Namespace(), kind.Type(), "", resource.VersionUndefined))
		shape := "none"
		if len(list.Items) > 0 {
			shape = "some"
		}
		out["list "+kind.Type()] = said(shape, err)
	}
	return out
}

// callAll makes the calls whose answers do not depend on what the node has been told.
func callAll(base context.Context, c *client.Client) answers {
	out := answers{}
	var ctx context.Context // of the call that is being made
	for name, do := range map[string]func() (string, error){
		"Version": func() (string, error) { r, err := c.Version(ctx); return fmt.Sprint(len(r.GetMessages())), err },
		"Hostname": func() (string, error) {
			r, err := c.MachineClient.Hostname(ctx, nil)
			return fmt.Sprint(len(r.GetMessages())), err
		},
		"ServiceList": func() (string, error) { r, err := c.ServiceList(ctx); return fmt.Sprint(len(r.GetMessages())), err },
		"Memory":      func() (string, error) { r, err := c.Memory(ctx); return fmt.Sprint(len(r.GetMessages())), err },
		"Disks":       func() (string, error) { r, err := c.Disks(ctx); return fmt.Sprint(len(r.GetMessages())), err },
		"EtcdMemberList": func() (string, error) {
			r, err := c.EtcdMemberList(ctx, &machine.EtcdMemberListRequest{QueryLocal: true})
			return fmt.Sprint(len(r.GetMessages())), err
		},
		"EtcdStatus": func() (string, error) { r, err := c.EtcdStatus(ctx); return fmt.Sprint(len(r.GetMessages())), err },
		"Kubeconfig": func() (string, error) { _, err := c.Kubeconfig(ctx); return "a file", err },
		"Logs": func() (string, error) {
			stream, err := c.Logs(ctx, "system", 0, "machined", false, 1)
			if err == nil {
				_, err = stream.Recv()
			}
			return "a line", err
		},
		"Dmesg": func() (string, error) {
			stream, err := c.Dmesg(ctx, false, false)
			if err == nil {
				_, err = stream.Recv()
			}
			return "a line", err
		},
		"Events": func() (string, error) {
			stream, err := c.Events(ctx, client.WithTailEvents(-1))
			if err == nil {
				_, err = stream.Recv()
			}
			return "an event", err
		},
	} {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(base, patience) //nolint:fatcontext // made of base, not of the last one
		out[name] = said(do())
		cancel()
	}
	return out
}

// patience bounds each call: some wait for what will not come.
const patience = 5 * time.Second
