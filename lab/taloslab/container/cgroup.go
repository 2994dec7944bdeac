// SPDX-License-Identifier: Apache-2.0

package container

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Cgroup is a node's place in one hierarchy.
type Cgroup struct {
	Kind    string // cgroup, or cgroup2 for version 2
	Mount   string // where the host mounts the hierarchy, and the node too
	Options string // with which it is mounted: its controllers, "name=systemd"; empty for version 2
	Dir     string // on the host
}

// MakeCgroups makes a place of that name in each hierarchy that the host has mounted. The error names the first that fails;
// remove what is there with [RemoveCgroups].
func MakeCgroups(name string) ([]Cgroup, error) {
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	groups := hierarchies(data)
	if len(groups) == 0 {
		return nil, errors.New("no cgroups are mounted")
	}
	for i := range groups {
		groups[i].Dir = filepath.Join(groups[i].Mount, name)
		if err := groups[i].make(); err != nil {
			return groups, fmt.Errorf("make cgroup %s: %w", groups[i].Dir, err)
		}
	}
	return groups, nil
}

// FindCgroups finds the places in all hierarchies whose names begin with prefix, which is not empty.
func FindCgroups(prefix string) ([]Cgroup, error) {
	if prefix == "" {
		return nil, errors.New("no name to find cgroups by")
	}
	data, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	var out []Cgroup
	for _, group := range hierarchies(data) {
		entries, err := os.ReadDir(group.Mount)
		if err != nil {
			return nil, err
		}
		for _, entry := range entries {
			if entry.IsDir() && strings.HasPrefix(entry.Name(), prefix) {
				found := group
				found.Dir = filepath.Join(group.Mount, entry.Name())
				out = append(out, found)
			}
		}
	}
	return out, nil
}

// hierarchies reads them out of a mountinfo file (proc_pid_mountinfo(5)).
func hierarchies(mountinfo []byte) []Cgroup {
	var groups []Cgroup
	lines := bufio.NewScanner(bytes.NewReader(mountinfo))
	for lines.Scan() {
		left, right, _ := strings.Cut(lines.Text(), " - ")
		place, kind := strings.Fields(left), strings.Fields(right)
		if len(place) < 5 || len(kind) < 3 || place[3] != "/" || (kind[0] != "cgroup" && kind[0] != "cgroup2") {
			continue
		}
		group := Cgroup{Kind: kind[0], Mount: place[4]}
		if group.Kind == "cgroup" {
			group.Options = strings.Join(slices.DeleteFunc(strings.Split(kind[2], ","), func(option string) bool {
				return option == "rw" || option == "ro" || option == "xattr" || strings.HasPrefix(option, "release_agent=")
			}), ",")
		}
		groups = append(groups, group)
	}
	return groups
}

func (c Cgroup) make() error {
	if err := os.Mkdir(c.Dir, 0o755); err != nil {
		return err
	}
	if c.Kind == "cgroup2" {
		return c.delegate()
	}
	if !slices.Contains(strings.Split(c.Options, ","), "cpuset") {
		return nil
	}
	// A new cpuset is empty, and no process can be moved into it.
	for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
		value, err := os.ReadFile(filepath.Join(c.Mount, file))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(c.Dir, file), value, 0o644); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(c.Dir, "cgroup.clone_children"), []byte("1"), 0o644)
}

// delegate lets the node use every controller of version 2 that is not bound to a hierarchy of version 1.
func (c Cgroup) delegate() error {
	controllers, err := os.ReadFile(filepath.Join(c.Mount, "cgroup.controllers"))
	if err != nil {
		return err
	}
	for _, name := range strings.Fields(string(controllers)) {
		if err := os.WriteFile(filepath.Join(c.Mount, "cgroup.subtree_control"), []byte("+"+name), 0o644); err != nil {
			return fmt.Errorf("delegate %s: %w", name, err)
		}
	}
	return nil
}

// RemoveCgroups removes the node's place in each hierarchy with all places below it. It fails while a process is left in
// one of them. Removing twice is no error.
func RemoveCgroups(groups []Cgroup) error {
	var errs []error
	for _, group := range groups {
		errs = append(errs, removeTree(group.Dir))
	}
	return errors.Join(errs...)
}

// removeTree removes folders only, the deepest first: the files in a cgroup go with it.
func removeTree(dir string) error {
	var folders []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			folders = append(folders, path)
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, folder := range slices.Backward(folders) {
		if err := os.Remove(folder); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
