// SPDX-License-Identifier: Apache-2.0

package container

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// RealRunc is where the root file system keeps runc itself; in its place stands nodeinit.
const RealRunc = "/usr/libexec/runc"

// Runc is runc for hosts that withhold CAP_SYS_RESOURCE: it takes out of a new container's config what runc would fail at,
// and becomes runc. Where the capability is there that is not changed. A container that is given the node's cgroups is given
// all hierarchies, which are mounts of their own in version 1: Talos 1.13 takes the one of version 2 for granted.
func Runc(args []string) error {
	withheld, err := isWithheld(unix.CAP_SYS_RESOURCE)
	if err != nil {
		return err
	}
	if bundle := bundleOf(args); bundle != "" {
		if err := rewrite(filepath.Join(bundle, "config.json"), withheld); err != nil {
			return fmt.Errorf("prepare the container in %s: %w", bundle, err)
		}
	}
	return fmt.Errorf("start runc: %w", unix.Exec(RealRunc, append([]string{RealRunc}, args[1:]...), os.Environ()))
}

// isWithheld says whether not even root may have a capability.
func isWithheld(capability uintptr) (bool, error) {
	has, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, capability, 0, 0, 0)
	return has == 0, err
}

// bundleOf is the container's folder in a call of `runc create` or `runc run`; empty for other calls.
func bundleOf(args []string) string {
	if !slices.Contains(args, "create") && !slices.Contains(args, "run") {
		return ""
	}
	for i, arg := range args {
		if value, found := strings.CutPrefix(arg, "--bundle="); found {
			return value
		}
		if (arg == "--bundle" || arg == "-b") && i+1 < len(args) {
			return args[i+1]
		}
	}
	return "."
}

func rewrite(path string, withheld bool) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if data, err = withAllCgroups(data); err != nil {
		return err
	}
	if !withheld {
		return os.WriteFile(path, data, 0o600)
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	if data, err = withoutSysResource(data, limit.Max); err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o600)
}

// withAllCgroups has /sys/fs/cgroup bound with what is mounted below it.
func withAllCgroups(data []byte) ([]byte, error) {
	var config map[string]json.RawMessage
	if err := json.Unmarshal(data, &config); err != nil {
		return nil, err
	}
	var mounts []map[string]json.RawMessage
	if err := edit(config, "mounts", &mounts, func() {
		for _, mount := range mounts {
			if string(mount["source"]) == `"/sys/fs/cgroup"` {
				mount["options"] = json.RawMessage(strings.Replace(string(mount["options"]), `"bind"`, `"rbind"`, 1))
			}
		}
	}); err != nil {
		return nil, err
	}
	return json.Marshal(config)
}

// withoutSysResource changes an OCI config: no CAP_SYS_RESOURCE, and no more open files than the host's hard limit. Numbers
// and everything else stay as they are written.
func withoutSysResource(data []byte, openFiles uint64) ([]byte, error) {
	var config map[string]json.RawMessage
	if err := json.Unmarshal(data, &config); err != nil {
		return nil, err
	}
	var process map[string]json.RawMessage
	if err := json.Unmarshal(config["process"], &process); err != nil {
		return nil, fmt.Errorf("process: %w", err)
	}
	var capabilities map[string][]string
	var limits []rlimit
	if err := edit(process, "capabilities", &capabilities, func() {
		for set, names := range capabilities {
			capabilities[set] = slices.DeleteFunc(names, func(name string) bool { return name == "CAP_SYS_RESOURCE" })
		}
	}); err != nil {
		return nil, err
	}
	if err := edit(process, "rlimits", &limits, func() {
		for i := range limits {
			if one := &limits[i]; one.Type == "RLIMIT_NOFILE" {
				one.Hard, one.Soft = min(one.Hard, openFiles), min(one.Soft, openFiles)
			}
		}
	}); err != nil {
		return nil, err
	}
	var err error
	if config["process"], err = json.Marshal(process); err != nil {
		return nil, err
	}
	return json.Marshal(config)
}

type rlimit struct {
	Type string `json:"type"`
	Hard uint64 `json:"hard"`
	Soft uint64 `json:"soft"`
}

// edit changes one field of an object, if it is there.
func edit(object map[string]json.RawMessage, key string, value any, change func()) error {
	if object[key] == nil {
		return nil
	}
	if err := json.Unmarshal(object[key], value); err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	change()
	data, err := json.Marshal(value)
	object[key] = data
	return err
}
