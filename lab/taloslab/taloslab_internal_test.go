// SPDX-License-Identifier: Apache-2.0

package taloslab

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/stretchr/testify/require"
)

func TestANodeMayChangeItsOwnSettingsAndNotTheHosts(t *testing.T) {
	for path, want := range map[string]bool{
		"/proc/84/oom_score_adj": true, "/proc/self/oom_score_adj": true, "/proc/sys/kernel/panic": true, "/proc/sys/vm/overcommit_memory": true,
		"/proc/sys/net/ipv4/ip_forward":    false,
		"/proc/sys/net/core/netdev_budget": true, "/proc/sys/net/core/somaxconn": false, "/proc/sys/net/ipv4/neigh/default/gc_thresh1": true,
		"/proc/sys/net/ipv4/neigh/eth0/retrans_time_ms": false,
		"/proc/84/attr/exec":                            false, "/var/lib/oom_score_adj": false, "": false,
	} {
		require.Equal(t, want, isWithheld(path), path)
	}
}

func TestDebiansFilesGoWhereTalosLooks(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	for _, file := range []string{"sbin/blkid", "bin/mount", "usr/sbin/runc", "lib/a.so", "lib64/ld.so", "usr/share/binary"} {
		require.NoError(t, os.MkdirAll(filepath.Join(from, filepath.Dir(file)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(from, file), []byte(file), 0o755))
	}
	require.NoError(t, os.Symlink("/bin/mount", filepath.Join(from, "sbin/mount.fuse")))
	require.NoError(t, linkTree(from, to))
	for name, want := range map[string]string{
		"usr/bin/blkid": "sbin/blkid", "usr/sbin/mount": "bin/mount", "sbin/runc": "usr/sbin/runc", "usr/lib/a.so": "lib/a.so",
		"lib64/ld.so": "lib64/ld.so", "usr/share/binary": "usr/share/binary",
	} {
		got, err := os.ReadFile(filepath.Join(to, name))
		require.NoError(t, err)
		require.Equal(t, want, string(got))
	}
	link, err := os.Readlink(filepath.Join(to, "usr/bin/mount.fuse"))
	require.NoError(t, err)
	require.Equal(t, "/bin/mount", link)
}

func TestImagesAreServedByTagAndByDigest(t *testing.T) {
	program := filepath.Join(t.TempDir(), "program")
	require.NoError(t, os.WriteFile(program, []byte("an ELF file"), 0o755))
	images := &store{dir: t.TempDir(), manifests: map[string]digest.Digest{}}
	one := image{name: "etcd:v3", files: map[string]string{"usr/local/bin/etcd": program}, start: []string{"/x"}}
	require.NoError(t, images.add(one))
	first := images.manifests[one.name]
	require.NoError(t, images.add(one))
	require.Equal(t, first, images.manifests[one.name], "the same files make the same image")
	server := httptest.NewServer(images)
	t.Cleanup(server.Close)

	var manifest ocispec.Manifest
	require.NoError(t, json.Unmarshal(get(t, server.URL+"/v2/etcd/manifests/v3?ns=example.org", http.StatusOK), &manifest))
	require.Len(t, manifest.Layers, 1)
	layer := get(t, server.URL+"/v2/etcd/blobs/"+manifest.Layers[0].Digest.String(), http.StatusOK)
	require.Equal(t, manifest.Layers[0].Digest, digest.FromBytes(layer))
	get(t, server.URL+"/v2/etcd/manifests/"+first.String(), http.StatusOK)
	get(t, server.URL+"/v2/", http.StatusOK)
	for _, wrong := range []string{"/v2/etcd/manifests/v4", "/v2/etcd/blobs/..%2fx", "/v2/etcd/blobs/" + digest.FromString("x").String(), "/"} {
		get(t, server.URL+wrong, http.StatusNotFound)
	}
}

func get(t *testing.T, url string, want int) []byte {
	t.Helper()
	resp, err := http.Get(url)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, want, resp.StatusCode, url)
	return body
}

func TestLayersHoldTheTreeBelowTheFiles(t *testing.T) {
	tree := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(tree, "usr"), 0o755))
	require.NoError(t, os.Symlink("/run", filepath.Join(tree, "link")))
	reader, writer := io.Pipe()
	go func() {
		writer.CloseWithError(writeLayer(writer, image{tree: tree, files: map[string]string{"usr/program": "/dev/null"}}))
	}()
	layer := tar.NewReader(reader)
	var names []string
	for {
		header, err := layer.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		names = append(names, header.Name+header.Linkname)
	}
	require.Equal(t, []string{".", "link/run", "usr", "usr/program"}, names)
}
