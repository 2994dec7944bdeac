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
	"github.com/siderolabs/talos/pkg/machinery/config/encoder"
	"github.com/siderolabs/talos/pkg/machinery/config/generate"
	"github.com/siderolabs/talos/pkg/machinery/config/generate/secrets"
	"github.com/siderolabs/talos/pkg/machinery/config/machine"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
	"golang.org/x/sync/errgroup"

	"github.com/cozystack/cozy-install/talos"
)

// BenchmarkGenerate1000 writes the configs of 1,000 nodes, after the secrets exist; the aim is under two seconds. The
// third figure is how much that is of what Talos's library alone needs to generate, encode and read back as many
// configs, without disks, addresses, patches and validation, in the same run.
func BenchmarkGenerate1000(b *testing.B) {
	const nodes = 1000

	cluster, own := testCluster(), testSecrets(b)
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

	b.ReportMetric(float64(nodes*b.N)/ours.Seconds(), "configs/s")
	b.ReportMetric(float64(ours)/float64(theirs), "x-machinery")
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

	data, err := provider.EncodeBytes(encoder.WithComments(encoder.CommentsDisabled))
	require.NoError(b, err)

	_, err = configloader.NewFromBytes(data)
	require.NoError(b, err)
}
