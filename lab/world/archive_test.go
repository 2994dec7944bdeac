// SPDX-License-Identifier: Apache-2.0

package world

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/cozystack/cozy-install/bundles"
	"github.com/cozystack/cozy-install/lab/standin"
	"github.com/cozystack/cozy-install/talos"
)

const bastionRegistry = "10.77.0.2:5000"

// TestAnArchiveIsAllThatASiteNeeds saves a site with Talos, from a chart repository, a registry and an image factory, ends these
// three for good, and brings the site up. From then on nobody may ask for anything but at the bastion: the site's router, which
// is also its DNS server, sees every packet that goes elsewhere, and a proxy every host that Flux asks.
func TestAnArchiveIsAllThatASiteNeeds(t *testing.T) {
	built, pinned := buildPinnedTo(t)
	s := newAirgap(t, Config{SiteFile: labSite, Programs: built})
	images, err := standin.NewImageRegistry(pinned...)
	require.NoError(t, err)
	source, err := s.ServeOutside(t.Context(), "registry of made-up images", 5000, images)
	require.NoError(t, err)
	saved := s.saves(source.String())
	require.Subset(t, saved.names(), pinned)

	require.NoError(t, s.CutOutside())
	watch, err := s.network.Site.Watch()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, watch.Close()) })
	store := filepath.Join(filepath.Dir(s.work), "store")
	s.servesTheRegistry("--archive", saved.File, "--public-key", saved.keyFile, "--store", store)
	require.NoError(t, s.LeadFluxTo(t.Context(), bastionRegistry))

	require.NoError(t, s.Fleet.PowerOn())
	s.comesUpFrom("--archive", saved.File, "--public-key", saved.keyFile, "--registry-store", store)
	s.isWell()

	s.bootedFrom(saved)
	s.configsLeadToTheBastion(saved)
	s.fluxTakesChartsFromTheBastion()
	s.knocksAtTheGateway()
	require.Eventually(t, func() bool { return len(watch.Seen()) > 0 }, 10*time.Second, 50*time.Millisecond, "nothing was watched")
	for _, begun := range watch.Seen() {
		isDHCP := begun.Protocol == "udp" && begun.To == netip.AddrPortFrom(s.site.Network.Gateway, 67)
		isKnock := begun.Protocol == "tcp" && begun.To == netip.AddrPortFrom(s.site.Network.Gateway, talos.Port) // machines are looked for at all addresses
		require.True(t, isDHCP || isKnock, begun)
	}
	asked := s.Plane.AskedByFlux()
	require.Contains(t, asked, bastionRegistry, "else nothing was heard")
	for _, host := range asked {
		name, _, _ := strings.Cut(host, ":")
		require.True(t, host == bastionRegistry || strings.HasSuffix(name, ".svc.cluster.local") || strings.HasSuffix(name, ".svc"), host)
	}
}

// knocksAtTheGateway sends what a watch that works has seen, and what is allowed: a search for machines does so too. Nobody answers.
func (s *stage) knocksAtTheGateway() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 5*time.Second)
	defer cancel()
	conn, err := s.network.Bastion.Dial(ctx, netip.Addr{}, netip.AddrPortFrom(s.site.Network.Gateway, talos.Port).String())
	if err == nil {
		require.NoError(s.t, conn.Close())
	}
}

// newAirgap is a stage whose bastion has a router and a DNS server: the site's, which a packet for anybody else reaches.
func newAirgap(t *testing.T, config Config) *stage {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("network namespaces need root, and nothing else shows who is asked")
	}
	config.Network, config.Speed = Namespaces, speed
	s := startStage(t, config)
	require.NoError(t, s.network.Bastion.RouteVia(s.site.Network.Gateway))
	resolver := filepath.Join(t.TempDir(), "resolv.conf")
	require.NoError(t, os.WriteFile(resolver, []byte("nameserver "+s.site.Network.Gateway.String()+"\n"), 0o600))
	s.through = []string{"unshare", "--mount", "sh", "-c", `mount --bind "$0" /etc/resolv.conf && exec "$@"`, resolver}
	s.edit("netboot:\n", "registries: {bastion: {address: \""+bastionRegistry+"\", only: true}}\n\nnetboot:\n")
	return s
}

// savedArchive is what `bundle save` answers.
type savedArchive struct {
	File, PublicKey string
	Contents        struct {
		Images []struct{ Name, Digest string }
		Charts []struct{ Name, Version string }
		Assets []struct{ Name string }
	}
	keyFile string
}

func (a savedArchive) names() (out []string) {
	for _, image := range a.Contents.Images {
		out = append(out, image.Name)
	}
	return out
}

// assets are the SHA-256 sums of the boot assets in the file.
func (a savedArchive) assets(t *testing.T) map[string]bool {
	t.Helper()
	file, err := os.Open(a.File)
	require.NoError(t, err)
	defer file.Close()
	sums := map[string]bool{}
	for files := tar.NewReader(file); ; {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			require.Len(t, sums, len(a.Contents.Assets))
			return sums
		}
		require.NoError(t, err)
		if strings.HasPrefix(header.Name, "assets/") {
			sum := sha256.New()
			_, err := io.Copy(sum, files)
			require.NoError(t, err)
			sums[hex.EncodeToString(sum.Sum(nil))] = true
		}
	}
}

// saves makes the archive, on the bastion.
func (s *stage) saves(images string) (out savedArchive) {
	s.t.Helper()
	dir := filepath.Dir(s.work)
	s.answer(&out, "bundle", "save", "-f", s.siteFile, "--work-dir", filepath.Join(dir, "saving"), "--to", filepath.Join(dir, "site.tar"),
		"--key", filepath.Join(dir, "archive.key"), "--make-key", "--chart-source", s.chartSource(), "--image-source", images, "--insecure", images)
	require.NotEmpty(s.t, out.Contents.Charts)
	require.NotEmpty(s.t, out.Contents.Assets)
	out.keyFile = filepath.Join(dir, "archive.pub")
	require.NoError(s.t, os.WriteFile(out.keyFile, []byte(out.PublicKey+"\n"), 0o600))
	return out
}

// servesTheRegistry runs the bastion's registry until the end of the test.
func (s *stage) servesTheRegistry(args ...string) {
	s.t.Helper()
	serve := s.launch(append([]string{"bundle", "serve"}, args...)...)
	s.t.Cleanup(func() {
		_ = serve.cmd.Process.Signal(syscall.SIGTERM)
		_, said := serve.wait(s.t)
		if s.t.Failed() {
			s.t.Logf("the bastion's registry:\n%s", tail([]byte(said), 60))
		}
	})
	require.Eventually(s.t, func() bool {
		_, err := s.head("http://" + bastionRegistry + "/v2/")
		return err == nil
	}, time.Minute, 50*time.Millisecond)
}

// comesUpFrom runs up, which is not told of a chart source as it is elsewhere in the lab.
func (s *stage) comesUpFrom(args ...string) {
	s.t.Helper()
	all := append([]string{"up", "-o", "json", "--progress", "json", "--node-timeout", "2m"}, s.ofSite()...)
	all = append(all, s.NetbootArgs()...)
	run := s.launch(append(all, args...)...)
	code, said := run.wait(s.t)
	require.Zero(s.t, code, "up said:\n%s", said)
	var outcome struct{ Complete bool }
	require.NoError(s.t, json.Unmarshal(run.out.Bytes(), &outcome))
	require.True(s.t, outcome.Complete)
}

// bootedFrom checks that machines fetched everything from the bastion, and got what the archive has.
func (s *stage) bootedFrom(saved savedArchive) {
	s.t.Helper()
	want, got := saved.assets(s.t), 0
	for _, e := range s.Fleet.Events() {
		where := e.Details["url"]
		if where == "" {
			continue
		}
		at, err := url.Parse(where)
		require.NoError(s.t, err)
		require.Equal(s.t, s.bastion().Addr().String(), at.Hostname(), e)
		if want[e.Details["sha256"]] {
			got++
		}
	}
	require.GreaterOrEqual(s.t, got, 2*2+1, "two machines with kernel and initramfs, one with a UKI")
}

// fluxTakesChartsFromTheBastion looks at where Flux's sources are.
func (s *stage) fluxTakesChartsFromTheBastion() {
	s.t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", s.Plane.Kubeconfig())
	require.NoError(s.t, err)
	client, err := dynamic.NewForConfig(config)
	require.NoError(s.t, err)
	list, err := client.Resource(schema.GroupVersionResource{Group: "source.toolkit.fluxcd.io", Version: "v1", Resource: "helmrepositories"}).
		List(s.t.Context(), metav1.ListOptions{})
	require.NoError(s.t, err)
	urls := map[any]bool{}
	for _, one := range list.Items {
		urls[one.Object["spec"].(map[string]any)["url"]] = true
	}
	require.Equal(s.t, map[any]bool{"oci://" + bastionRegistry + "/charts": true, bundles.DefaultChartsURL: true}, urls)
}
