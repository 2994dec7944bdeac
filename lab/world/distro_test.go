// SPDX-License-Identifier: Apache-2.0

package world

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/cozystack/cozy-install/tenant"
)

// The bundle without tenants goes through all phases, on whatever network there is, with all that is on by default.
func TestASiteFileBecomesADistribution(t *testing.T) {
	text, err := os.ReadFile(labSite)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "site.yaml")
	require.Equal(t, 1, strings.Count(string(text), "bundle: paas-full"))
	of, _, chosen := strings.Cut(strings.Replace(string(text), "bundle: paas-full", "bundle: distro-full", 1), "\npackages:\n")
	require.True(t, chosen, "the lab's site leaves most packages out")
	require.NoError(t, os.WriteFile(file, []byte(of), 0o600))

	s := newStageOn(t, Auto, file)
	s.becomesReady()
	s.hasNoTenants()

	var again struct {
		Complete bool
		Phases   []struct{ Phase, State string }
	}
	require.NoError(t, json.Unmarshal([]byte(s.mustUp()), &again))
	require.True(t, again.Complete)
	for _, p := range again.Phases {
		require.NotEqual(t, "tenant-root", p.Phase)
	}
	require.Equal(t, 1, s.count("bootstrap"), "and a second run does nothing")
}

// hasNoTenants looks at what the cluster has, and at what status makes of it.
func (s *stage) hasNoTenants() {
	t := s.t
	t.Helper()
	status := s.isWell()
	require.Nil(t, status.TenantRoot)
	require.Len(t, status.Nodes, 3)
	var packages []string
	for _, p := range status.Packages {
		packages = append(packages, p.Name)
	}
	require.Subset(t, packages, []string{"cilium", "flux", "cozy-controller", "cert-manager", "linstor", "metallb"})
	require.NotContains(t, packages, "tenant-api")

	config, err := clientcmd.BuildConfigFromFlags("", s.Plane.Kubeconfig())
	require.NoError(t, err)
	client, err := kubernetes.NewForConfig(config)
	require.NoError(t, err)
	namespaces, err := client.CoreV1().Namespaces().List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	for _, namespace := range namespaces.Items {
		require.NotEqual(t, tenant.RootNamespace, namespace.Name)
	}
}
