// SPDX-License-Identifier: Apache-2.0

package taloslab

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/cozystack/cozy-install/lab/build"
	"github.com/cozystack/cozy-install/lab/taloslab/container"
)

// parts are what a node's root file system is made of.
type parts struct {
	debian   string // folder of packages.sh
	programs build.NodeSet
	sources  string // folder of Talos's own module, for the files that its image has as they are
	version  string // of Talos
	nodeinit string
}

// makeRoot lays out the root file system as the last stages of Talos's Dockerfile do, for a container. Nodes share it, and
// write to a layer above.
func makeRoot(p parts, root string) error {
	if err := linkTree(p.debian, root); err != nil {
		return err
	}
	for _, step := range []func(parts, string) error{placePrograms, makeFolders, placeFiles} {
		if err := step(p, root); err != nil {
			return fmt.Errorf("make the nodes' root file system: %w", err)
		}
	}
	return nil
}

// placePrograms puts nodeinit in runc's place: see container.Runc.
func placePrograms(p parts, root string) error {
	for _, one := range []struct{ from, to string }{
		{p.programs.Machined, "usr/bin/init"},
		// machined is several programs, by the name it is called by.
		{p.programs.Machined, "usr/bin/poweroff"},
		{p.programs.Machined, "usr/bin/shutdown"},
		{p.programs.Machined, "usr/bin/dashboard"},
		{p.programs.Containerd, "usr/bin/containerd"},
		{p.programs.Shim, "usr/bin/containerd-shim-runc-v2"},
		{filepath.Join(root, "usr/bin/runc"), container.RealRunc},
		{p.nodeinit, "usr/bin/runc"},
	} {
		if err := linkFile(one.from, filepath.Join(root, one.to)); err != nil {
			return err
		}
	}
	plugins := filepath.Join(root, "usr/lib/cni")
	entries, err := os.ReadDir(plugins)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if err := linkFile(filepath.Join(plugins, entry.Name()), filepath.Join(root, "opt/cni/bin", entry.Name())); err != nil {
			return err
		}
	}
	return nil
}

func makeFolders(_ parts, root string) error {
	for _, dir := range []string{
		"boot/EFI", "mnt", "system", "opt/containerd/bin", "opt/containerd/lib", ".extra", "run", "proc", "sys", "dev", "tmp",
		"etc/iscsi", "etc/nvme", "etc/cri/conf.d/hosts", "etc/kubernetes/manifests", "etc/cni/net.d", "etc/ssl/certs", "etc/lvm",
		"etc/selinux/targeted/contexts/files", "usr/etc", "usr/lib/firmware", "usr/lib/modules", "usr/libexec/kubernetes",
		"usr/local/share", "usr/local/lib/kubelet/credentialproviders", "usr/share/spdx", "usr/share/zoneinfo/Etc", "var/lib",
	} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			return err
		}
	}
	return symlinks(root, map[string]string{
		"etc/localtime": "/usr/share/zoneinfo/Etc/UTC", "etc/pki": "/etc/ssl", "etc/ca-certificates": "/etc/ssl",
		"etc/ssl/certs/ca-certificates": "ca-certificates.crt",
	})
}

// placeFiles copies what Talos's image has as it is in its sources, and makes the files empty that machined mounts others over.
func placeFiles(p parts, root string) error {
	for from, to := range map[string]string{
		"hack/zoneinfo/Etc/UTC": "usr/share/zoneinfo/Etc/UTC", "hack/nfsmount.conf": "etc/nfsmount.conf", "hack/lvm.conf": "etc/lvm/lvm.conf",
		"hack/containerd.toml": "etc/containerd/config.toml", "hack/cri-containerd.toml": "etc/cri/containerd.toml",
		"hack/cri-plugin.part": "etc/cri/conf.d/00-base.part",
	} {
		data, err := os.ReadFile(filepath.Join(p.sources, from))
		if err != nil {
			return err
		}
		if err := writeNew(filepath.Join(root, to), data); err != nil {
			return err
		}
	}
	for _, name := range []string{
		"extensions.yaml", "resolv.conf", "hosts", "hostname", "machine-id", "cri/conf.d/cri.toml", "cri/conf.d/01-registries.part",
		"cri/conf.d/20-customization.part", "cri/conf.d/base-spec.json", "ssl/certs/ca-certificates.crt",
		"selinux/targeted/contexts/files/file_contexts", "iscsi/initiatorname.iscsi", "nvme/hostid", "nvme/hostnqn",
	} {
		if err := writeNew(filepath.Join(root, "etc", name), nil); err != nil {
			return err
		}
	}
	for name, text := range map[string]string{
		"usr/etc/in-container": "true\n", // Talos's mark of its container image
		"etc/os-release":       fmt.Sprintf("NAME=\"Talos\"\nID=talos\nVERSION_ID=%[1]s\nPRETTY_NAME=\"Talos (%[1]s)\"\n", p.version),
	} {
		if err := writeNew(filepath.Join(root, name), []byte(text)); err != nil {
			return err
		}
	}
	return nil
}
