// SPDX-License-Identifier: Apache-2.0

package taloslab_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/siderolabs/talos/pkg/machinery/api/common"
	"github.com/siderolabs/talos/pkg/machinery/client"
	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/lab/taloslab"
)

// bastionRegistry is where the product's own registry serves: beside the lab's server of images, which it fetches from.
const bastionRegistry = "10.77.0.2:5001"

// withBastion makes the bastion's registry the only one that nodes ask. That is where it pulls through from: quay.io as well is
// nowhere in the lab but at its server of images.
func (s testSite) withBastion(t *testing.T) testSite {
	t.Helper()
	text, err := os.ReadFile(s.file)
	require.NoError(t, err)
	const before = "registries:\n  mirrors:\n"
	require.Equal(t, 1, strings.Count(string(text), before))
	return s.write(t, strings.Replace(string(text), before,
		"registries:\n  bastion: {address: "+bastionRegistry+", only: true}\n  mirrors:\n    quay.io: [\"http://"+imageServer+"\"]\n", 1))
}

// bundleServe is `cozy-install bundle serve`, which may be stopped and started again on its store.
type bundleServe struct {
	args []string
	cmd  *exec.Cmd
	said *output
}

// serveBundle runs the bastion's registry until the end of the test.
func serveBundle(t *testing.T, made testSite) *bundleServe {
	t.Helper()
	dir := filepath.Dir(made.file)
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildvcs=false",
		"-ldflags", "-X main.version=cozy-controller-build:dev:;", "-o", filepath.Join(dir, "cozy-controller-linux-"+runtime.GOARCH), "../../cmd/cozy-controller")
	build.Env = append(build.Environ(), "CGO_ENABLED=0")
	said, err := build.CombinedOutput()
	require.NoError(t, err, "%s", said)
	s := &bundleServe{args: []string{
		productBinary(t, made), "bundle", "serve", "--listen", bastionRegistry, "--store", filepath.Join(dir, "registry"),
		"--pull-through", "--file", made.file,
	}, said: &output{}}
	t.Cleanup(func() {
		s.stop(t)
		if t.Failed() {
			t.Logf("the bastion's registry:\n%s", s.said)
		}
	})
	s.start(t)
	return s
}

func (s *bundleServe) start(t *testing.T) {
	t.Helper()
	s.cmd = exec.Command(s.args[0], s.args[1:]...)
	s.cmd.Stdout, s.cmd.Stderr = s.said, s.said
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(t, s.cmd.Start())
	until(t, time.Minute, "the bastion's registry to answer", func(ctx context.Context) error {
		_, err := headImage(ctx, bastionRegistry, "")
		return err
	})
}

// stop ends it as systemd does. It may be called twice.
func (s *bundleServe) stop(t *testing.T) {
	t.Helper()
	if s.cmd == nil {
		return
	}
	require.NoError(t, s.cmd.Process.Signal(syscall.SIGTERM))
	late := time.AfterFunc(20*time.Second, func() { _ = s.cmd.Process.Kill() })
	_ = s.cmd.Wait() // it was interrupted
	require.True(t, late.Stop(), "bundle serve did not end")
	s.cmd = nil
}

// output may be written and read at once.
type output struct {
	lock sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.lock.Lock()
	defer o.lock.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.lock.Lock()
	defer o.lock.Unlock()
	return o.text.String()
}

// headImage asks a registry which digest a path below /v2/ has.
func headImage(ctx context.Context, registry, path string) (digest string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+registry+"/v2/"+path, nil)
	if err != nil {
		return "", err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	if err := answer.Body.Close(); err != nil {
		return "", err
	}
	if answer.StatusCode != http.StatusOK {
		return "", errors.New(request.URL.String() + ": " + answer.Status)
	}
	return answer.Header.Get("Docker-Content-Digest"), nil
}

// pullsThroughTheBastion has a real node's containerd pull an image of a registry that is not there. The machine config has
// the mirror, and the bastion's registry the image.
func pullsThroughTheBastion(t *testing.T, made testSite, node *taloslab.Node, registry *bundleServe) {
	t.Helper()
	repository, tag, _ := strings.Cut(taloslab.MadeUpImage, ":")
	want, err := headImage(t.Context(), imageServer, repository+"/manifests/"+tag)
	require.NoError(t, err)
	require.NotContains(t, registry.said.String(), repository)

	const talosconfig = workdir.TalosconfigFile
	c, err := client.New(t.Context(), client.WithConfigFromFile(filepath.Join(made.workDir, talosconfig)), client.WithEndpoints(node.Addr().String()))
	require.NoError(t, err)
	defer c.Close()
	name := "quay.io/" + taloslab.MadeUpImage
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	//nolint:staticcheck // Talos 1.12 knows no other call
	require.NoError(t, c.ImagePull(ctx, common.ContainerdNamespace_NS_CRI, name))
	require.Equal(t, want, digestOnNode(ctx, t, c, name))
	require.Contains(t, registry.said.String(), "quay.io/"+repository, "the bastion was asked")
}

// digestOnNode is what an image's name stands for in the containerd that pods are run with. Empty: it knows none.
func digestOnNode(ctx context.Context, t *testing.T, c *client.Client, name string) string {
	t.Helper()
	images, err := c.ImageList(ctx, common.ContainerdNamespace_NS_CRI) //nolint:staticcheck // as above
	require.NoError(t, err)
	for {
		image, err := images.Recv()
		if err != nil {
			return "" // the end
		}
		if image.GetName() == name {
			return image.GetDigest()
		}
	}
}
