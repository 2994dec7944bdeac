// SPDX-License-Identifier: Apache-2.0

package container

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// volumes are folders of their own in the state: containerd can't put its layers on top of the root's, and Talos expects
// these to be volumes of a container.
func volumes() []string {
	return []string{"/var", "/system/state", "/etc/cni", "/etc/kubernetes", "/usr/libexec/kubernetes", "/opt"}
}

// VolumeDir is where the state keeps a volume: /etc/cni.
func VolumeDir(state, volume string) string {
	return filepath.Join(state, "volumes", strings.ReplaceAll(strings.Trim(volume, "/"), "/", "-"))
}

type mount struct {
	kind, at, data string
	flags          uintptr
}

// mountAll makes the file system of the node and moves into it.
func mountAll(spec Spec) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("keep mounts to ourselves: %w", err)
	}
	root, err := overlay(spec)
	if err != nil {
		return err
	}
	for _, m := range fileSystems() {
		if err := m.mount(root, m.kind); err != nil {
			return err
		}
	}
	for _, step := range []func(string, Spec) error{mountCgroups, makeDevices, mountVolumes, mountFiles} {
		if err := step(root, spec); err != nil {
			return err
		}
	}
	return changeRoot(root)
}

func overlay(spec Spec) (root string, err error) {
	dirs := map[string]string{}
	for _, name := range []string{"upper", "work", "root"} {
		dirs[name] = filepath.Join(spec.State, name)
		if err := os.MkdirAll(dirs[name], 0o755); err != nil {
			return "", err
		}
	}
	data := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", spec.Root, dirs["upper"], dirs["work"])
	if err := unix.Mount("overlay", dirs["root"], "overlay", 0, data); err != nil {
		return "", fmt.Errorf("mount the root (%s): %w", data, err)
	}
	return dirs["root"], nil
}

func fileSystems() []mount {
	const quiet = unix.MS_NOSUID | unix.MS_NODEV
	return []mount{
		{kind: "proc", at: "/proc", flags: quiet | unix.MS_NOEXEC},
		{kind: "sysfs", at: "/sys", flags: quiet | unix.MS_NOEXEC},
		{kind: "tmpfs", at: "/sys/fs/cgroup", flags: quiet, data: "mode=755"},
		{kind: "tmpfs", at: "/dev", flags: unix.MS_NOSUID, data: "mode=755"},
		{kind: "devpts", at: "/dev/pts", flags: unix.MS_NOSUID | unix.MS_NOEXEC, data: "newinstance,ptmxmode=0666,mode=620"},
		{kind: "tmpfs", at: "/dev/shm", flags: quiet},
		{kind: "mqueue", at: "/dev/mqueue", flags: quiet},
		{kind: "tmpfs", at: "/run", flags: unix.MS_NOSUID, data: "mode=755"},
		{kind: "tmpfs", at: "/system", flags: unix.MS_NOSUID, data: "mode=755"},
		{kind: "tmpfs", at: "/tmp", flags: unix.MS_NOSUID},
	}
}

func (m mount) mount(root, source string) error {
	at := filepath.Join(root, m.at)
	if err := os.MkdirAll(at, 0o755); err != nil {
		return err
	}
	if err := unix.Mount(source, at, m.kind, m.flags, m.data); err != nil {
		return fmt.Errorf("mount %s at %s: %w", m.kind, m.at, err)
	}
	return nil
}

// mountCgroups mounts each hierarchy as the host does; the cgroup namespace makes the node's own place its root.
func mountCgroups(root string, spec Spec) error {
	for _, group := range spec.Cgroups {
		m := mount{kind: group.Kind, at: group.Mount, flags: unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC, data: group.Options}
		if err := m.mount(root, group.Kind); err != nil {
			return err
		}
	}
	return nil
}

// makeDevices makes what every container has, and the kernel's log and FUSE beside it. The host's disks are not there.
func makeDevices(root string, _ Spec) error {
	for _, device := range []struct {
		name         string
		major, minor uint32
	}{
		{"null", 1, 3},
		{"zero", 1, 5},
		{"full", 1, 7},
		{"random", 1, 8},
		{"urandom", 1, 9},
		{"kmsg", 1, 11},
		{"tty", 5, 0},
		{"fuse", 10, 229},
		{"net/tun", 10, 200},
	} {
		path := filepath.Join(root, "dev", device.name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := unix.Mknod(path, unix.S_IFCHR|0o666, int(unix.Mkdev(device.major, device.minor))); err != nil {
			return fmt.Errorf("make /dev/%s: %w", device.name, err)
		}
		if err := os.Chmod(path, 0o666); err != nil { // whatever the umask says
			return err
		}
	}
	for name, target := range map[string]string{
		"ptmx": "pts/ptmx", "fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2",
	} {
		if err := os.Symlink(target, filepath.Join(root, "dev", name)); err != nil {
			return err
		}
	}
	return nil
}

func mountVolumes(root string, spec Spec) error {
	for _, volume := range volumes() {
		dir := VolumeDir(spec.State, volume)
		at := filepath.Join(root, volume)
		if err := errors.Join(os.MkdirAll(at, 0o755), fill(dir, filepath.Join(spec.Root, volume))); err != nil {
			return err
		}
		if err := unix.Mount(dir, at, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("mount volume %s: %w", volume, err)
		}
	}
	return nil
}

// fill makes a volume that is not there yet, with what the root has in its place, as container runtimes do.
func fill(dir, from string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	if _, err := os.Stat(from); err != nil {
		return os.Mkdir(dir, 0o755)
	}
	return os.CopyFS(dir, os.DirFS(from))
}

// mountFiles puts files over the root's as mounts of their own: Talos replaces them by mounting its own over them.
func mountFiles(root string, spec Spec) error {
	for path, text := range spec.Files {
		source, at := filepath.Join(spec.State, "files", path), filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(source), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(source, []byte(text), 0o644); err != nil {
			return err
		}
		target, err := os.OpenFile(at, os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		if err := target.Close(); err != nil {
			return err
		}
		if err := unix.Mount(source, at, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("mount %s: %w", path, err)
		}
	}
	return nil
}

// changeRoot makes root the root and lets go of the host's files. Mounts of kubelet's pods must reach containers beside it.
func changeRoot(root string) error {
	if err := unix.Chdir(root); err != nil {
		return err
	}
	// Both paths the same: the old root is then mounted on top of the new one, and taken away from there (pivot_root(2)).
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("change the root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("let go of the host's files: %w", err)
	}
	if err := unix.Chdir("/"); err != nil {
		return err
	}
	return unix.Mount("", "/", "", unix.MS_REC|unix.MS_SHARED, "")
}
