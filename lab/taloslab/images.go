// SPDX-License-Identifier: Apache-2.0

package taloslab

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/cozystack/cozy-install/lab/build"
)

// image is a container image of one layer.
type image struct {
	name  string            // siderolabs/kubelet:v1.34.4
	tree  string            // a folder to put below everything; empty: none
	files map[string]string // path in the image -> file on this machine
	start []string          // what it runs by itself; nil: whoever runs it says so
}

// images are what a node fetches, under the names it asks for. Kubelet mounts, and kube-proxy makes firewall rules, so they
// have all of the nodes' Debian programs beside them.
func images(programs build.ImageSet, userland, pause string) []image {
	bin := func(program, name string) map[string]string {
		return map[string]string{"usr/local/bin/" + name: program}
	}
	return []image{
		{name: "etcd:" + EtcdVersion, files: bin(programs.Etcd, "etcd")},
		{name: "kube-apiserver:" + KubernetesVersion, files: bin(programs.APIServer, "kube-apiserver")},
		{name: "kube-controller-manager:" + KubernetesVersion, files: bin(programs.ControllerManager, "kube-controller-manager")},
		{name: "kube-scheduler:" + KubernetesVersion, files: bin(programs.Scheduler, "kube-scheduler")},
		{name: "siderolabs/kubelet:" + KubernetesVersion, tree: userland, files: bin(programs.Kubelet, "kubelet")},
		{name: "kube-proxy:" + KubernetesVersion, tree: userland, files: bin(programs.Proxy, "kube-proxy")},
		{name: "pause:3.10", files: map[string]string{"pause": pause}, start: []string{"/pause"}},
		{name: MadeUpImage, files: map[string]string{"made-up": pause}, start: []string{"/made-up"}},
	}
}

// store keeps the contents of images as an image server hands them out: files named by their digest.
type store struct {
	dir       string
	manifests map[string]digest.Digest // by name with tag
}

// add makes an image. Its layer is not compressed: that would take longer than everything else.
func (s *store) add(one image) error {
	layer, err := s.write(ocispec.MediaTypeImageLayer, func(w io.Writer) error { return writeLayer(w, one) })
	if err != nil {
		return fmt.Errorf("make image %s: %w", one.name, err)
	}
	config, err := s.writeJSON(ocispec.MediaTypeImageConfig, ocispec.Image{
		Platform: ocispec.Platform{OS: "linux", Architecture: runtime.GOARCH},
		Config:   ocispec.ImageConfig{Entrypoint: one.start},
		RootFS:   ocispec.RootFS{Type: "layers", DiffIDs: []digest.Digest{layer.Digest}},
	})
	if err != nil {
		return err
	}
	manifest, err := s.writeJSON(ocispec.MediaTypeImageManifest, ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		Config: config, Layers: []ocispec.Descriptor{layer},
	})
	s.manifests[one.name] = manifest.Digest
	return err
}

func (s *store) writeJSON(kind string, value any) (ocispec.Descriptor, error) {
	return s.write(kind, func(w io.Writer) error { return json.NewEncoder(w).Encode(value) })
}

func (s *store) write(kind string, fill func(io.Writer) error) (out ocispec.Descriptor, err error) {
	file, err := os.CreateTemp(s.dir, "new-")
	if err != nil {
		return out, err
	}
	hash := sha256.New()
	err = fill(io.MultiWriter(file, hash))
	size, seekErr := file.Seek(0, io.SeekCurrent)
	if err := errors.Join(err, seekErr, file.Close()); err != nil {
		return out, err
	}
	sum := digest.NewDigestFromEncoded(digest.SHA256, hex.EncodeToString(hash.Sum(nil)))
	return ocispec.Descriptor{MediaType: kind, Digest: sum, Size: size}, os.Rename(file.Name(), s.path(sum))
}

func (s *store) path(sum digest.Digest) string { return filepath.Join(s.dir, sum.Encoded()) }

// writeLayer is the same for the same files: nothing of this machine's clock is in it.
func writeLayer(w io.Writer, one image) error {
	layer := tar.NewWriter(w)
	if one.tree != "" {
		err := filepath.WalkDir(one.tree, func(path string, _ fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			inside, err := filepath.Rel(one.tree, path)
			if err != nil {
				return err
			}
			return addFile(layer, path, inside)
		})
		if err != nil {
			return err
		}
	}
	for inside, path := range one.files {
		if err := addFile(layer, path, inside); err != nil {
			return err
		}
	}
	return layer.Close()
}

func addFile(layer *tar.Writer, path, inside string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	target := ""
	if info.Mode()&fs.ModeSymlink != 0 {
		if target, err = os.Readlink(path); err != nil {
			return err
		}
	}
	header, err := tar.FileInfoHeader(info, target)
	if err != nil {
		return err
	}
	header.Name, header.ModTime, header.Uname, header.Gname = inside, time.Unix(0, 0), "", ""
	if err := layer.WriteHeader(header); err != nil || !info.Mode().IsRegular() {
		return err
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = io.Copy(layer, file)
	return err
}
