// SPDX-License-Identifier: Apache-2.0

package taloslab

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// linkTree gives every file of a Debian tree a second name below to, in the layout that Talos expects: all programs in
// /usr/bin, for Talos looks nowhere else, and all libraries in /usr/lib.
func linkTree(from, to string) error {
	err := filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		inside, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, merged(inside))
		switch {
		case entry.IsDir():
			return os.MkdirAll(target, 0o755)
		case entry.Type()&fs.ModeSymlink != 0:
			return copyLink(path, target)
		case entry.Type().IsRegular():
			return linkFile(path, target)
		default:
			return nil // devices: the node has its own
		}
	})
	if err != nil {
		return fmt.Errorf("unpack %s: %w", from, err)
	}
	for name, text := range map[string]string{
		// Looked at by whoever wants to know who root is: kubelet does.
		"etc/passwd": "root:x:0:0:root:/root:/bin/sh\n", "etc/group": "root:x:0:\n",
	} {
		if err := writeNew(filepath.Join(to, name), []byte(text)); err != nil {
			return err
		}
	}
	return symlinks(to, map[string]string{
		"var/run": "/run", // Talos gives containers its /run there
		"bin":     "usr/bin", "sbin": "usr/bin", "usr/sbin": "bin", "lib": "usr/lib", "lib64": "usr/lib64",
		// What Debian's packages leave to their scripts, which are not run.
		"usr/bin/iptables": "xtables-nft-multi", "usr/bin/iptables-save": "xtables-nft-multi", "usr/bin/iptables-restore": "xtables-nft-multi",
		"usr/bin/ip6tables": "xtables-nft-multi", "usr/bin/ip6tables-save": "xtables-nft-multi", "usr/bin/ip6tables-restore": "xtables-nft-multi",
	})
}

// merged is where a path of Debian's packages goes: sbin/ip -> usr/bin/ip.
func merged(path string) string {
	for _, move := range []struct{ from, to string }{
		{"usr/sbin", "usr/bin"}, {"sbin", "usr/bin"}, {"bin", "usr/bin"}, {"lib64", "usr/lib64"}, {"lib", "usr/lib"},
	} {
		if rest, found := strings.CutPrefix(path, move.from); found && (rest == "" || rest[0] == '/') {
			return move.to + rest
		}
	}
	return path
}

// writeNew never writes into a file that is there: it may be another name of one in the packages.
func writeNew(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.RemoveAll(path); err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o644)
}

func symlinks(root string, links map[string]string) error {
	for name, target := range links {
		if err := replaceLink(target, filepath.Join(root, name)); err != nil {
			return err
		}
	}
	return nil
}

func copyLink(from, to string) error {
	target, err := os.Readlink(from)
	if err != nil {
		return err
	}
	return replaceLink(target, to)
}

// replaceLink makes a symbolic link in the place of whatever is there.
func replaceLink(target, at string) error {
	if err := errors.Join(os.MkdirAll(filepath.Dir(at), 0o755), os.RemoveAll(at)); err != nil {
		return err
	}
	return os.Symlink(target, at)
}

// linkFile gives a file a second name, or copies it where that is on another disk. What is there already is replaced.
func linkFile(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	if err := os.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	err := os.Link(from, to)
	if !errors.Is(err, syscall.EXDEV) {
		return err
	}
	return copyFile(from, to)
}

func copyFile(from, to string) (err error) {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	info, err := source.Stat()
	if err != nil {
		return err
	}
	target, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, info.Mode().Perm())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	_, err = io.Copy(target, source)
	return err
}
