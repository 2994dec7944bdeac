// SPDX-License-Identifier: Apache-2.0

package container

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

func TestFilterAsksAboutFilesOpenedForWritingOnly(t *testing.T) {
	const arch, openat = unix.AUDIT_ARCH_X86_64, 257
	program, err := filter(arch, openat)
	require.NoError(t, err)
	instructions, decoded := bpf.Disassemble(program)
	require.True(t, decoded)
	machine, err := bpf.NewVM(instructions)
	require.NoError(t, err)

	for name, test := range map[string]struct {
		call, arch uint32
		flags      uint64
		want       uint32
	}{
		"read":                           {openat, arch, unix.O_RDONLY | unix.O_CLOEXEC, unix.SECCOMP_RET_ALLOW},
		"write":                          {openat, arch, unix.O_WRONLY | unix.O_TRUNC, unix.SECCOMP_RET_USER_NOTIF},
		"both":                           {openat, arch, unix.O_RDWR, unix.SECCOMP_RET_USER_NOTIF},
		"another call":                   {openat + 1, arch, unix.O_WRONLY, unix.SECCOMP_RET_ALLOW},
		"a call of another architecture": {openat, arch + 1, unix.O_WRONLY, unix.SECCOMP_RET_ALLOW},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := machine.Run(seccompData(test.call, test.arch, test.flags))
			require.NoError(t, err)
			require.Equal(t, int(test.want), got)
		})
	}
}

// seccompData is struct seccomp_data as the virtual machine reads it: it loads big-endian words, the kernel native ones.
func seccompData(call, arch uint32, flags uint64) []byte {
	data := make([]byte, 64)
	binary.BigEndian.PutUint32(data[offsetCall:], call)
	binary.BigEndian.PutUint32(data[offsetArch:], arch)
	binary.BigEndian.PutUint32(data[offsetFlags:], uint32(flags))
	return data
}

func TestHierarchiesAreReadFromMountinfo(t *testing.T) {
	got := hierarchies([]byte(`25 20 0:22 / / rw - ext4 /dev/vda rw
31 30 0:27 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:5 - cgroup cgroup rw,cpu,cpuacct
32 30 0:28 / /sys/fs/cgroup/systemd rw - cgroup systemd rw,xattr,release_agent=/x,name=systemd
33 30 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate
34 30 0:30 /pod /elsewhere rw - cgroup cgroup rw,pids
`))
	require.Equal(t, []Cgroup{
		{Kind: "cgroup", Mount: "/sys/fs/cgroup/cpu,cpuacct", Options: "cpu,cpuacct"},
		{Kind: "cgroup", Mount: "/sys/fs/cgroup/systemd", Options: "name=systemd"},
		{Kind: "cgroup2", Mount: "/sys/fs/cgroup/unified"},
	}, got, "a part of a hierarchy that is mounted elsewhere is not one")
}

func TestContainersGetNoMoreThanTheHostHas(t *testing.T) {
	got, err := withoutSysResource([]byte(`{
		"ociVersion": "1.2.0", "linux": {"resources": {"memory": {"limit": 9007199254740993}}},
		"process": {"oomScoreAdj": -999, "args": ["x"],
			"capabilities": {"bounding": ["CAP_SYS_RESOURCE", "CAP_SYS_ADMIN"], "effective": ["CAP_SYS_ADMIN"]},
			"rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1048576, "soft": 1024}, {"type": "RLIMIT_CORE", "hard": 9, "soft": 9}]}
	}`), 20000)
	require.NoError(t, err)
	require.JSONEq(t, `{
		"ociVersion": "1.2.0", "linux": {"resources": {"memory": {"limit": 9007199254740993}}},
		"process": {"oomScoreAdj": -999, "args": ["x"],
			"capabilities": {"bounding": ["CAP_SYS_ADMIN"], "effective": ["CAP_SYS_ADMIN"]},
			"rlimits": [{"type": "RLIMIT_NOFILE", "hard": 20000, "soft": 1024}, {"type": "RLIMIT_CORE", "hard": 9, "soft": 9}]}
	}`, string(got))
	require.Contains(t, string(got), "9007199254740993", "numbers stay as they are written")

	got, err = withoutSysResource([]byte(`{"process": {"args": ["x"]}}`), 1)
	require.NoError(t, err)
	require.JSONEq(t, `{"process": {"args": ["x"]}}`, string(got))
	_, err = withoutSysResource([]byte(`{}`), 1)
	require.ErrorContains(t, err, "process")
}

func TestContainersWithCgroupsGetAllHierarchies(t *testing.T) {
	got, err := withAllCgroups([]byte(`{"process": {"args": ["x"]}, "mounts": [
		{"source": "/sys/fs/cgroup", "destination": "/sys/fs/cgroup", "type": "bind", "options": ["bind", "rw"]},
		{"source": "/etc", "destination": "/etc", "type": "bind", "options": ["bind", "ro"]}]}`))
	require.NoError(t, err)
	require.JSONEq(t, `{"process": {"args": ["x"]}, "mounts": [
		{"source": "/sys/fs/cgroup", "destination": "/sys/fs/cgroup", "type": "bind", "options": ["rbind", "rw"]},
		{"source": "/etc", "destination": "/etc", "type": "bind", "options": ["bind", "ro"]}]}`, string(got))
	got, err = withAllCgroups([]byte(`{"process": {"args": ["x"]}}`))
	require.NoError(t, err)
	require.JSONEq(t, `{"process": {"args": ["x"]}}`, string(got))
}

func TestBundleOfACallOfRunc(t *testing.T) {
	for want, args := range map[string][]string{
		"/b": {"runc", "--root", "/r", "create", "--bundle", "/b", "id"},
		"/c": {"runc", "run", "--bundle=/c", "id"},
		".":  {"runc", "create", "id"},
		"":   {"runc", "--root", "/r", "delete", "id"},
	} {
		require.Equal(t, want, bundleOf(args), "%q", args)
	}
}

func TestRemovedCgroupsAreGoneWithAllBelowThem(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "node", "kubepods", "pod"), 0o755))
	groups := []Cgroup{{Dir: filepath.Join(dir, "node")}, {Dir: filepath.Join(dir, "never made")}}
	require.NoError(t, RemoveCgroups(groups))
	require.NoError(t, RemoveCgroups(groups))
	require.NoDirExists(t, groups[0].Dir)
}
