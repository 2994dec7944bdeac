// SPDX-License-Identifier: Apache-2.0

package site

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTemplateNamesEveryPlaceholderUntilItIsFilledIn(t *testing.T) {
	fill := strings.NewReplacer("<cluster name>", "rack-a", "<domain>", "example.org", "<node network>", "192.0.2.0/24",
		"<virtual address>", "192.0.2.10", "<gateway>", "192.0.2.1", "<DNS server>", "192.0.2.2", "<interface>", "eth0",
		"<hardware address>", "52:54:00:12:34:56", "<address in the node network>", "192.0.2.11", "<serial number of the disk>", "S1")
	for _, bundle := range Bundles() {
		t.Run(bundle, func(t *testing.T) {
			text, err := Template(bundle)
			require.NoError(t, err)

			_, err = Parse("site.yaml", text)
			var all *Problems
			require.ErrorAs(t, err, &all)
			var named []string
			for _, problem := range all.List {
				named = append(named, strings.TrimPrefix(problem.Rule, "still to be filled in: "))
			}
			values := regexp.MustCompile(`(?m)^[^#]*?(<[a-zA-Z ]+>)`)
			var want []string
			for _, match := range values.FindAllStringSubmatch(string(text), -1) {
				want = append(want, match[1])
			}
			require.Equal(t, want, named)

			s, err := Parse("site.yaml", []byte(fill.Replace(string(text))))
			require.NoError(t, err)
			require.Equal(t, bundle, s.Bundle)
		})
	}
	_, err := Template("iaas")
	require.EqualError(t, err, `bundle "iaas": not one of paas-full, paas-hosted, distro-full, distro-hosted`)
}

func TestTemplateShowsTheRealDefaults(t *testing.T) {
	for _, bundle := range []string{PaaSFull, DistroFull} {
		showsTheRealDefaults(t, bundle)
	}
}

func showsTheRealDefaults(t *testing.T, bundle string) {
	t.Helper()
	text, err := Template(bundle)
	require.NoError(t, err)
	require.Equal(t, bundle == PaaSFull, strings.Contains(string(text), "podSubnet: 10.244.0.0/16"))
	uncommented := regexp.MustCompile(`(?m)^( *)# ((podSubnet|nodePodSubnet|serviceSubnet|joinSubnet|clusterDomain|mode|approve):.*)$`).ReplaceAllString(string(text), "$1$2")
	require.NotEqual(t, string(text), uncommented)
	_, err = Parse("x", []byte(uncommented))
	var all *Problems
	require.ErrorAs(t, err, &all)
	for _, problem := range all.List {
		require.Contains(t, problem.Rule, "still to be filled in", problem)
	}
	require.Contains(t, string(text), "#   version: v1.13.9\n")
}

func TestDefaultsAreFilledInOnce(t *testing.T) {
	s, err := Parse("x", []byte(full))
	require.NoError(t, err)
	require.Equal(t, "https://10.77.0.10:6443", s.Network.Endpoint)
	require.Equal(t, "cozy.local", s.Network.ClusterDomain)
	require.Equal(t, &Talos{Version: "v1.13.9", Factory: "https://factory.talos.dev"}, s.Talos)
	require.Equal(t, Certificates{SelfSigned: true}, s.Certificates)
	require.Equal(t, &Netboot{Interface: "eth0", Mode: ModeProxy, Approve: ApproveSite}, s.Netboot)

	again := *s
	SetDefaults(&again)
	require.Equal(t, *s, again)

	s, err = Parse("x", []byte(hosted))
	require.NoError(t, err)
	require.Equal(t, "cluster.local", s.Network.ClusterDomain)
	require.Equal(t, &Cluster{}, s.Cluster)
	require.Nil(t, s.Talos)
	require.False(t, s.Network.PodSubnet.IsValid())

	s, err = Parse("x", []byte(strings.Replace(hosted, "exposure:", "certificates: {acme: {}}\nexposure:", 1)))
	require.NoError(t, err)
	require.Contains(t, s.Certificates.ACME.Server, "letsencrypt.org")
	require.False(t, s.Certificates.SelfSigned)
}

func TestValidateNeedsNoFile(t *testing.T) {
	s, err := Parse("x", []byte(full))
	require.NoError(t, err)
	s.Domain = "1.2.3.4"
	require.Equal(t, []Problem{{
		Path: "domain", Value: "1.2.3.4", Rule: "not a DNS name of two or more labels",
		Hint: "write the apex in lower case, without a final dot: example.org",
	}}, Validate(s))
	require.NotEmpty(t, Validate(&Site{}))
	require.NotEmpty(t, Validate(&Site{Bundle: PaaSFull})) // also without defaults
}

func TestUnusedNamesWhatTheFileSetsInVain(t *testing.T) {
	s, err := Load(filepath.FromSlash("../../examples/paas-full/site.yaml"))
	require.NoError(t, err)
	require.Equal(t, []string{
		"access", "backup",
	}, s.Unused())

	s, err = Parse("x", []byte(full))
	require.NoError(t, err)
	require.Empty(t, s.Unused(), "defaults were not set by the operator")

	s, err = Parse("x", []byte(strings.Replace(full, "network:", "tenantRoot: {etcd: false}\nnetwork:", 1)))
	require.NoError(t, err)
	require.Empty(t, s.Unused(), "what is off is not missed")
}

func TestExamplesAreValid(t *testing.T) {
	files, err := filepath.Glob(filepath.FromSlash("../../examples/*/site.yaml"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		s, err := Load(file)
		require.NoError(t, err)
		formatted, err := Format(s)
		require.NoError(t, err)
		again, err := Parse(file, formatted)
		require.NoError(t, err, string(formatted))
		again.given, again.dir, again.file, again.text = s.given, s.dir, s.file, s.text
		require.Equal(t, s, again, "formatting lost something")
	}
}

func TestFormatKeepsTheOrderAndQuotesWhatNeedsIt(t *testing.T) {
	s, err := Parse("x", []byte(strings.Replace(full, "{serial: D1}", "{serial: '0123'}", 1)))
	require.NoError(t, err)
	text, err := Format(s)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(string(text), "apiVersion: install.cozystack.io/v1alpha1\nkind: Site\nmetadata:\n  name: lab\ndomain:"), string(text))
	require.Contains(t, string(text), `serial: "0123"`)
}

// FuzzParse: whatever the bytes, there is either a valid site that survives formatting, or at least one problem that lies
// inside the file.
func FuzzParse(f *testing.F) {
	f.Add([]byte(full))
	f.Add([]byte(hosted))
	f.Add([]byte("a: &a [*a]\n"))
	f.Add([]byte("nodes: [1, {patches: [{a: null}]}]\n? [a]\n: b\n"))
	f.Add([]byte("apiVersion: install.cozystack.io/v1alpha1\nkind: Site\nbundle: paas-full\nnetwork: {loadBalancer: 1-2, nodeSubnet: ::/0}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Parse("fuzz", data)
		if err == nil {
			text, err := Format(s)
			require.NoError(t, err)
			again, err := Parse("again", text)
			require.NoError(t, err)
			same, err := Format(again)
			require.NoError(t, err)
			require.Equal(t, string(text), string(same))
			return
		}
		var all *Problems
		require.ErrorAs(t, err, &all)
		require.NotEmpty(t, all.List)
		require.NotEmpty(t, err.Error())
		for _, problem := range all.List {
			require.NotEmpty(t, problem.Rule)
			require.LessOrEqual(t, problem.Line, strings.Count(string(data), "\n")+strings.Count(string(data), "\r")+2)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	for b.Loop() {
		if _, err := Parse("x", []byte(full)); err != nil {
			b.Fatal(err)
		}
	}
}
