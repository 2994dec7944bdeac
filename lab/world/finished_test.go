// SPDX-License-Identifier: Apache-2.0

package world

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// answer runs a command on the bastion that ends well, and reads its JSON.
func (s *stage) answer(into any, args ...string) {
	s.t.Helper()
	code, out, said := s.onBastion(append(args, "-o", "json")...)
	require.Zero(s.t, code, "%v: %s%s", args, said, out)
	require.NoError(s.t, json.Unmarshal([]byte(out), into), out)
}

func (s *stage) ofSite() []string { return []string{"-f", s.siteFile, "--work-dir", s.work} }

func (s *stage) kubeconfig() string { return filepath.Join(s.work, workdir.KubeconfigFile) }

func (s *stage) describesTheFinishedSite() {
	status := s.isWell()
	require.Len(s.t, status.Nodes, 3)
	for _, n := range status.Nodes {
		require.Equal(s.t, "running", n.Talos, n.Name)
	}
	require.NotNil(s.t, status.TenantRoot)
	require.Equal(s.t, "lab.example.org", status.TenantRoot.Host)

	var plan struct {
		Packages []string
		Phases   []struct {
			Phase, Unknown string
			Done           bool
		}
	}
	s.answer(&plan, append([]string{"plan"}, s.ofSite()...)...)
	require.Len(s.t, plan.Packages, len(status.Packages))
	always := []string{"configs", "core", "packages"} // they look at everything each time, and leave alone what is right
	for _, p := range plan.Phases {
		require.Empty(s.t, p.Unknown, p.Phase)
		require.Equal(s.t, !strings.Contains(strings.Join(always, " "), p.Phase), p.Done, p.Phase)
	}

	type tenantRow struct {
		Name, Namespace, Host string
		Ready                 bool
	}
	var tenants []tenantRow
	s.answer(&tenants, "tenant", "list", "--kubeconfig", s.kubeconfig())
	require.Equal(s.t, []tenantRow{{"root", "tenant-root", "lab.example.org", true}}, tenants)
	code, out, said := s.onBastion("tenant", "tree", "--kubeconfig", s.kubeconfig())
	require.Zero(s.t, code, said)
	require.Equal(s.t, []string{"──", "root", "tenant-root", "lab.example.org", "Ready"}, strings.Fields(out))

	dir := filepath.Join(s.t.TempDir(), "talos")
	code, out, said = s.onBastion(append([]string{"talos", "generate", "-o", dir}, s.ofSite()...)...)
	require.Zero(s.t, code, said)
	require.Equal(s.t, 4, strings.Count(out, "\n"))
	for _, node := range s.site.Nodes {
		config, err := os.ReadFile(filepath.Join(dir, node.Name+".yaml"))
		require.NoError(s.t, err)
		require.Equal(s.t, string(s.Fleet.InstalledConfig(node.Name)), string(config), "byte for byte what %s was installed with", node.Name)
	}
}

// versions tell whether anything that the product made in the cluster was written since: resource versions, and where
// Flux looks again by itself and writes the status, the generation and annotations.
func (s *stage) versions() map[string]string {
	s.t.Helper()
	client, err := dynamic.NewForConfig(s.Plane.RESTConfig())
	require.NoError(s.t, err)
	out := map[string]string{}
	for _, kind := range []schema.GroupVersionResource{
		{Group: "helm.toolkit.fluxcd.io", Version: "v2", Resource: "helmreleases"},
		{Group: "source.toolkit.fluxcd.io", Version: "v1", Resource: "helmrepositories"},
		v1alpha1.GroupVersion.WithResource(v1alpha1.TenantPlural),
		{Version: "v1", Resource: "secrets"},
		{Version: "v1", Resource: "namespaces"},
		{Version: "v1", Resource: "serviceaccounts"},
		{Group: "apps", Version: "v1", Resource: "deployments"},
		{Group: "apps", Version: "v1", Resource: "daemonsets"},
	} {
		list, err := client.Resource(kind).List(s.t.Context(), metav1.ListOptions{})
		require.NoError(s.t, err, kind.Resource)
		for _, item := range list.Items {
			version := item.GetResourceVersion()
			if strings.HasSuffix(kind.Group, ".fluxcd.io") {
				version = fmt.Sprint(item.GetGeneration(), item.GetAnnotations())
			}
			out[kind.Resource+" "+item.GetNamespace()+"/"+item.GetName()] = version
		}
	}
	return out
}

func (s *stage) changesNothingWhenRunAgain() {
	before, calls := s.versions(), s.count("bootstrap")
	secrets, journal := s.hash(workdir.SecretsFile), s.hash(workdir.JournalFile)
	start := time.Now()
	var outcome struct {
		Complete bool
		Phases   []struct{ Phase, State string }
	}
	require.NoError(s.t, json.Unmarshal([]byte(s.mustUp()), &outcome))
	s.t.Logf("up on a finished site took %s", time.Since(start).Round(10*time.Millisecond))
	require.True(s.t, outcome.Complete)
	for _, p := range outcome.Phases {
		if p.State != "skipped" {
			require.Contains(s.t, []string{"configs", "core", "packages"}, p.Phase)
		}
	}
	require.Equal(s.t, before, s.versions())
	require.Equal(s.t, secrets, s.hash(workdir.SecretsFile))
	requireWhole(s.t, s.work) // the talosconfig is made anew, with a certificate that is valid for longer
	require.Equal(s.t, journal, s.hash(workdir.JournalFile))
	require.Equal(s.t, calls, s.count("bootstrap"))
	require.Zero(s.t, s.count("config-changed"))
}

func (s *stage) survivesALostKubeconfig() {
	config, err := os.ReadFile(s.kubeconfig())
	require.NoError(s.t, err)
	nowhere := strings.Replace(string(config), "https://10.77.0.10:6443", "https://10.77.0.250:6443", 1)
	require.NotEqual(s.t, string(config), nowhere)
	require.NoError(s.t, os.WriteFile(s.kubeconfig(), []byte(nowhere), 0o600))
	s.showsAnUnreachableCluster("https://10.77.0.250:6443")
	// The nodes still know the way.
	s.mustUp("--until", "register")
	again, err := os.ReadFile(s.kubeconfig())
	require.NoError(s.t, err)
	require.Contains(s.t, string(again), "https://10.77.0.10:6443")
}

// showsAnUnreachableCluster checks what commands that only look say of a cluster that does not answer, and how soon.
func (s *stage) showsAnUnreachableCluster(host string) {
	start := time.Now()
	code, out, said := s.onBastion(append([]string{"status", "-o", "json"}, s.ofSite()...)...)
	require.Equal(s.t, 1, code, said)
	require.Contains(s.t, verdict(s.t, said), "the site is not healthy")
	var status siteStatus
	require.NoError(s.t, json.Unmarshal([]byte(out), &status))
	require.False(s.t, status.Healthy)
	for _, n := range status.Nodes {
		require.Equal(s.t, "running", n.Talos, "the nodes are asked themselves")
		require.Contains(s.t, n.Reason, "cluster "+host+" does not answer")
	}
	require.Contains(s.t, status.TenantRoot.Reason, "cluster "+host+" does not answer")
	for _, p := range status.Packages {
		require.Equal(s.t, "unknown", p.State, p.Name)
	}

	code, out, said = s.onBastion("tenant", "list", "--kubeconfig", s.kubeconfig())
	require.Equal(s.t, 1, code, said)
	require.Empty(s.t, out)
	said = verdict(s.t, said)
	require.Contains(s.t, said, "cluster "+host+" does not answer")
	require.Contains(s.t, said, "hint: check from this host that the address is reachable")
	require.Less(s.t, time.Since(start), time.Minute)
}

func (s *stage) saysThatTheClusterIsGone() {
	require.NoError(s.t, s.Plane.Stop())
	start := time.Now()
	said := s.fails("--node-timeout", "10s")
	require.Contains(s.t, said, "waiting for the Kubernetes API at 10.77.0.10:6443")
	require.Contains(s.t, said, "cluster https://10.77.0.10:6443 does not answer")
	require.Contains(s.t, said, "hint: check from this host that the address is reachable")
	require.Less(s.t, time.Since(start), 45*time.Second)
}
