// SPDX-License-Identifier: Apache-2.0

package talos_test

import (
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/siderolabs/talos/pkg/machinery/config"
	"github.com/siderolabs/talos/pkg/machinery/config/configloader"
	"github.com/siderolabs/talos/pkg/machinery/config/configpatcher"
	"github.com/siderolabs/talos/pkg/machinery/config/encoder"
	"github.com/siderolabs/talos/pkg/machinery/config/generate"
	"github.com/siderolabs/talos/pkg/machinery/config/generate/secrets"
	"github.com/siderolabs/talos/pkg/machinery/config/machine"
	"github.com/siderolabs/talos/pkg/machinery/config/validation"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
	"golang.org/x/sync/errgroup"

	"github.com/cozystack/cozy-install/talos"
)

// maxRatio is how much of the library's own time our configs may take.
const maxRatio = 1.5

// BenchmarkGenerate writes the configs of 10, 100 and 1,000 nodes, after the secrets exist. The figure x-machinery is how
// much that is of what Talos's library alone needs to generate, patch with as much, encode, read back and validate as many
// configs, measured in the same run; it fails above maxRatio.
func BenchmarkGenerate(b *testing.B) {
	for _, nodes := range []int{10, 100, 1000} {
		b.Run(fmt.Sprintf("%d", nodes), func(b *testing.B) { benchmarkGenerate(b, nodes) })
	}
}

func benchmarkGenerate(b *testing.B, nodes int) {
	b.Helper()

	cluster, own := testCluster(), testSecrets(b)
	cluster.Patches = patches("talos", tree{"machine": tree{"sysctls": tree{"vm.nr_hugepages": "16"}}})
	bundle := machinerySecrets(b)

	all := make([]talos.Node, nodes)
	for i := range all {
		all[i] = testNode(talos.ControlPlane)
		all[i].Name = fmt.Sprintf("node%d", i)
	}

	var ours, theirs time.Duration

	for b.Loop() {
		started := time.Now()

		_, err := talos.GenerateAll(cluster, own, all)
		require.NoError(b, err)

		ours += time.Since(started)

		b.StopTimer()

		started = time.Now()
		parallel(nodes, func() { machineryConfig(b, bundle) })

		theirs += time.Since(started)

		b.StartTimer()
	}

	ratio := float64(ours) / float64(theirs)
	b.ReportMetric(float64(nodes*b.N)/ours.Seconds(), "configs/s")
	b.ReportMetric(ratio, "x-machinery")

	if nodes == 1000 && ratio > maxRatio {
		b.Errorf("%d configs take %.2f of the library's own time, more than %.1f", nodes, ratio, maxRatio)
	}
}

func machinerySecrets(b *testing.B) *secrets.Bundle {
	b.Helper()

	data, err := os.ReadFile("testdata/secrets-test-only.yaml")
	require.NoError(b, err)

	bundle := &secrets.Bundle{Clock: secrets.NewClock()}
	require.NoError(b, yaml.Unmarshal(data, bundle))

	return bundle
}

// parallel runs work on all processors, as GenerateAll does.
func parallel(times int, work func()) {
	var running errgroup.Group
	running.SetLimit(runtime.GOMAXPROCS(0))

	for range times {
		running.Go(func() error {
			work()

			return nil
		})
	}

	_ = running.Wait()
}

func machineryConfig(b *testing.B, bundle *secrets.Bundle) {
	b.Helper()

	input, err := generate.NewInput("lab", "https://10.77.0.10:6443", "1.34.4",
		generate.WithSecretsBundle(bundle), generate.WithVersionContract(config.TalosVersion1_13))
	require.NoError(b, err)

	provider, err := input.Config(machine.TypeControlPlane)
	require.NoError(b, err)

	node, err := configpatcher.LoadPatch([]byte(machineryPatch))
	require.NoError(b, err)

	user, err := configpatcher.LoadPatch([]byte("machine: {sysctls: {vm.nr_hugepages: \"16\"}}"))
	require.NoError(b, err)

	patched, err := configpatcher.Apply(configpatcher.WithConfig(provider), []configpatcher.Patch{node, user})
	require.NoError(b, err)

	whole, err := patched.Config()
	require.NoError(b, err)

	data, err := whole.EncodeBytes(encoder.WithComments(encoder.CommentsDisabled))
	require.NoError(b, err)

	read, err := configloader.NewFromBytes(data)
	require.NoError(b, err)

	_, err = read.Validate(metalMode{}, validation.WithLocal(), validation.WithStrict())
	require.NoError(b, err)
}

type metalMode struct{}

func (metalMode) String() string        { return "metal" }
func (metalMode) RequiresInstall() bool { return true }
func (metalMode) InContainer() bool     { return false }

// machineryPatch says of a node what ours say of testNode.
const machineryPatch = `
machine:
  certSANs: [10.77.0.10, api.example.org, 10.77.0.11]
  install: {diskSelector: {serial: LAB-0001, size: ">= 100GB"}, image: "factory.example.org/metal-installer/abc:v1.13.9"}
  kubelet: {nodeIP: {validSubnets: [10.77.0.0/24]}, extraConfig: {maxPods: 512, cpuManagerPolicy: static}}
  files: [{path: /etc/cri/conf.d/20-customization.part, op: create, permissions: 0o644, content: "[plugins]\n"}]
  sysctls: {net.ipv4.neigh.default.gc_thresh3: "16384", net.ipv4.tcp_fin_timeout: "30"}
  kernel: {modules: [{name: drbd, parameters: [usermode_helper=disabled]}, {name: openvswitch}]}
cluster:
  network: {cni: {name: none}}
  proxy: {disabled: true}
  etcd: {advertisedSubnets: [10.77.0.0/24]}
---
{apiVersion: v1alpha1, kind: RegistryMirrorConfig, name: docker.io, endpoints: [{url: "https://mirror.example.org"}]}
---
{apiVersion: v1alpha1, kind: RegistryMirrorConfig, name: ghcr.io, endpoints: [{url: "http://10.77.0.2:5000"}]}
---
{apiVersion: v1alpha1, kind: HostnameConfig, hostname: node1, auto: "off"}
---
apiVersion: v1alpha1
kind: LinkAliasConfig
name: net0
selector:
  match: mac(link.permanent_addr) == "52:54:00:77:00:01" || (size(link.permanent_addr) == 0 && mac(link.hardware_addr) == "52:54:00:77:00:01")
---
{apiVersion: v1alpha1, kind: LinkConfig, name: net0, addresses: [{address: 10.77.0.11/24}], routes: [{gateway: 10.77.0.1}]}
---
{apiVersion: v1alpha1, kind: Layer2VIPConfig, name: 10.77.0.10, link: net0}
---
{apiVersion: v1alpha1, kind: ResolverConfig, nameservers: [{address: 10.77.0.1}]}
---
{apiVersion: v1alpha1, kind: TimeSyncConfig, ntp: {servers: [ntp.example.org]}}
`
