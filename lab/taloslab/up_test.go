// SPDX-License-Identifier: Apache-2.0

package taloslab_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/lab/taloslab"
)

// TestUpBringsRealNodesToReady has the product's own program take real nodes from maintenance mode to Ready nodes, as an
// operator runs it, and once more when there is nothing left to do. The nodes' address, route and VIP are those of the configs
// that it made.
//
// One phase between is not played: "core" installs the pod network by charts whose images are on the internet. In its place
// each node gets a bridge for its own pods, which is what makes a node Ready, and no way to other nodes' pods.
func TestUpBringsRealNodesToReady(t *testing.T) {
	lab := openLab(t)
	_, err := lab.ServeImages(t.Context(), imageServer)
	require.NoError(t, err)
	count := nodeCount(t)
	nodes := make([]*taloslab.Node, 0, count+1)
	for i := range count {
		node, _ := startNode(t, lab, byte(i+1))
		nodes = append(nodes, node)
	}
	if len(nodes) == 1 { // a second one, for pods to move to
		worker, _ := startNamed(t, lab, workerPrefix+"1", 2)
		nodes = append(nodes, worker)
	}
	made := writeSite(t, lab, nodes...).withBastion(t)
	registry := serveBundle(t, made)

	var lastIsBack <-chan error = closed()
	if len(nodes) == 3 {
		_, creds := made.configs(t)
		lastIsBack = cutPowerOnce(t, lab, nodes[2], creds)
	}
	up(t, made, "--until", "register")
	require.NoError(t, <-lastIsBack)
	client := kubernetesOf(t, made)
	for _, node := range registered(t, client, nodes) {
		require.Equal(t, taloslab.KubernetesVersion, node.Status.NodeInfo.KubeletVersion)
		require.Contains(t, node.Status.NodeInfo.OSImage, lab.TalosVersion)
		require.False(t, isReady(node), "%s has no pod network yet", node.Name)
	}

	for _, node := range nodes {
		require.NoError(t, node.WriteVolume("etc/cni", "net.d/10-lab.conflist", []byte(bridgeCNI)))
	}
	up(t, made, "--from", "nodes", "--until", "nodes")
	for _, node := range registered(t, client, nodes) {
		require.True(t, isReady(node), node.Name)
	}
	runPods(t, client)
	pullsThroughTheBastion(t, made, nodes[1], registry)
	losesTheRegistry(t, made, client, registry)
	for _, node := range nodes {
		console, err := os.ReadFile(node.Log)
		require.NoError(t, err)
		require.NotContains(t, string(console), "runtime.KernelParamSpecController", "each setting of the bundle is taken")
	}
	again := up(t, made, "--until", "register")
	for _, done := range []string{"apply the machine configs", "bootstrap etcd", "wait for the nodes to register in Kubernetes"} {
		require.Contains(t, again, "skipped  "+done)
	}
	if len(nodes) == 3 {
		loseTheVIP(t, lab, made, client, nodes)
	}
}

func closed() chan error {
	c := make(chan error)
	close(c)
	return c
}

func nodeCount(t *testing.T) int {
	t.Helper()
	count, err := strconv.Atoi(os.Getenv("COZY_TALOS_NODES"))
	require.NoError(t, err, "COZY_TALOS_NODES is set by make talos")
	require.Contains(t, []int{1, 3}, count)
	return count
}

// up runs `cozy-install up` as an operator does, and returns what it said.
func up(t *testing.T, made testSite, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 12*time.Minute)
	defer cancel()
	began := time.Now()
	up := exec.CommandContext(ctx, productBinary(t, made), append([]string{
		"up", "--file", made.file, "--work-dir", made.workDir, "--progress", "plain", "--node-timeout", "10m",
	}, args...)...)
	said, err := up.CombinedOutput()
	t.Logf("cozy-install up %s, %v:\n%s", strings.Join(args, " "), time.Since(began).Round(100*time.Millisecond), said)
	require.NoError(t, err)
	return string(said)
}

// productBinary is the product's program, made beside the site file.
func productBinary(t *testing.T, made testSite) string {
	t.Helper()
	binary := filepath.Join(filepath.Dir(made.file), "cozy-install")
	if _, err := os.Stat(binary); err == nil {
		return binary
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-o", binary, "../../cmd/cozy-install")
	build.Env = append(build.Environ(), "CGO_ENABLED=0")
	said, err := build.CombinedOutput()
	require.NoError(t, err, "%s", said)
	return binary
}
