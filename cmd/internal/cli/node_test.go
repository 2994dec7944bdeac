// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap"
	"github.com/cozystack/cozy-install/bootstrap/workdir"
)

// deadSite has its nodes at addresses of the loopback interface where nobody listens.
const deadSite = `
apiVersion: install.cozystack.io/v1alpha1
kind: Site
metadata: {name: test}
domain: example.org
bundle: paas-full
network: {nodeSubnet: 127.213.7.0/28, vip: 127.213.7.10, gateway: 127.213.7.1, dnsServers: [127.213.7.1]}
netboot: {interface: lo, mode: off, approve: fingerprint}
nodes:
- {name: cp1, role: controlplane, mac: "52:54:00:13:00:02", address: 127.213.7.2, disk: {serial: D2}}
- {name: w1, role: worker, mac: "52:54:00:13:00:05", address: 127.213.7.5, disk: {serial: D5}}
`

func deadSiteFile(t *testing.T) (file, work string) {
	t.Helper()
	dir := t.TempDir()
	file, work = filepath.Join(dir, "site.yaml"), filepath.Join(dir, "work")
	require.NoError(t, os.WriteFile(file, []byte(deadSite), 0o600))
	require.NoError(t, os.Mkdir(work, 0o700))
	return file, work
}

func TestNodeListAndShowWorkWithDeadNodes(t *testing.T) {
	file, work := deadSiteFile(t)
	code, out, text := run(t, "node", "list", "-f", file, "--work-dir", work)
	require.Zero(t, code, text)
	require.Regexp(t, `(?m)^cp1 +controlplane +unreachable +127\.213\.7\.2$`, out)

	code, out, text = run(t, "node", "show", "w1", "-f", file, "--work-dir", work, "-o", "json")
	require.Zero(t, code, text)
	var node map[string]any
	require.NoError(t, json.Unmarshal([]byte(out), &node))
	require.Equal(t, map[string]any{"name": "w1", "role": "worker", "state": "unreachable", "address": "127.213.7.5"}, node)

	code, out, text = run(t, "node", "show", "--address", "127.213.7.9", "-f", file, "--work-dir", work, "-o", "json")
	require.Zero(t, code, text)
	node = nil
	require.NoError(t, json.Unmarshal([]byte(out), &node))
	require.Equal(t, "unreachable", node["state"])
	require.Equal(t, true, node["stranger"])
	for _, args := range [][]string{{}, {"cp1", "--address", "127.213.7.9"}, {"--address", "nowhere"}} {
		code, _, text = run(t, append([]string{"node", "show", "-f", file, "--work-dir", work}, args...)...)
		require.Equal(t, exitUsage, code, "%v: %s", args, text)
	}

	code, _, text = run(t, "node", "show", "w9", "-f", file, "--work-dir", work)
	require.Equal(t, exitUsage, code)
	require.Contains(t, text, "cp1, w1")
}

func TestNodeApproveLeavesTheFingerprintForUp(t *testing.T) {
	file, work := deadSiteFile(t)
	const fingerprint = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	for _, args := range [][]string{
		{"cp9", "--fingerprint", fingerprint}, {"w1", "--fingerprint", fingerprint}, {"cp1", "--fingerprint", "AAAA"}, {"cp1"}, {},
	} {
		code, out, text := run(t, append([]string{"node", "approve", "-f", file, "--work-dir", work}, args...)...)
		require.Equal(t, exitUsage, code, "%v: %s", args, text)
		require.Empty(t, out)
	}
	code, out, text := run(t, "node", "approve", "cp1", "-f", file, "--work-dir", work, "--fingerprint", fingerprint)
	require.Zero(t, code, text)
	require.Equal(t, "cp1 is approved with the fingerprint "+fingerprint+"\n", out)
	code, out, text = run(t, "node", "approve", "cp1", "-f", file, "--work-dir", work, "--fingerprint", " "+fingerprint, "-o", "json")
	require.Zero(t, code, text)
	require.JSONEq(t, `{"node": "cp1", "fingerprint": "`+fingerprint+`"}`, out)
	code, _, _ = run(t, "node", "approve", "cp1", "-f", file, "--work-dir", work, "--fingerprint", fingerprint, "-o", "yaml")
	require.Equal(t, exitUsage, code)
	dir, err := workdir.OpenForReading(work)
	require.NoError(t, err)
	left, err := dir.Approvals()
	require.NoError(t, err)
	require.Equal(t, []workdir.Approval{{Kind: workdir.ApproveNode, Name: "cp1", Value: fingerprint}}, left)

	code, _, text = run(t, "node", "approve", "cp1", "-f", file, "--work-dir", work+"/none", "--fingerprint", fingerprint)
	require.Equal(t, exitFailed, code)
	require.Contains(t, text, "--work-dir")
}

func TestNodeTextsShowWhatTheMachineTells(t *testing.T) {
	node := bootstrap.NodeView{
		Name: "cp1", Role: "controlplane", State: "maintenance", Address: "10.0.0.1", Fingerprint: "F=", Fault: "runs without",
		Machine: &bootstrap.MachineView{
			Manufacturer: "ACME", Product: "no \x1b[2J", Serial: "SN1", UUID: "1111", TalosVersion: "v1.13.9",
			Processors:  []bootstrap.SocketView{{Model: "Xeon", Cores: 8, Threads: 16}, {Model: "Xeon", Cores: 8, Threads: 16}},
			MemoryBytes: 64 << 30,
			Links:       []bootstrap.LinkView{{Name: "eno1", MAC: "52:54:00:00:00:01", Up: true, Mbit: 25_000}},
			Disks: []bootstrap.DiskView{
				{Path: "/dev/sda", Bytes: 240e9, Model: "M", Serial: "S", WWID: "naa.1", Transport: "sata", Contents: &bootstrap.ContentsView{
					Format: "gpt", Partitions: []bootstrap.PartitionView{{Index: 1, Label: "data", Bytes: 1e9, Format: "ext4", FilesystemLabel: "photos"}},
				}},
				{Path: "/dev/sdb", Bytes: 240e9, Contents: &bootstrap.ContentsView{Blank: true}},
				{Path: "/dev/sdc"},
			},
			Security: &bootstrap.SecurityView{UKISigningKey: "aa:bb", SELinux: "enabled, permissive", FIPS: "disabled"},
		},
	}
	require.Regexp(t, `(?m)^cp1 +controlplane +maintenance +10\.0\.0\.1 +ACME no .*, SN1, 32 threads, 64 GiB +F= +off +runs without$`, nodeTable([]bootstrap.NodeView{node}))
	text := nodeDescription(node)
	for _, want := range []string{
		`(?m)^fault +runs without$`, `(?m)^serial +SN1$`, `(?m)^secure boot +off$`, `(?m)^UKI signing key +aa:bb$`,
		`(?m)^SELinux +enabled, permissive$`, `(?m)^eno1 +52:54:00:00:00:01 +yes +25000 Mbit/s$`, `(?m)^/dev/sda +240 GB +sata +M +S +naa\.1 +gpt$`,
		`(?m)^/dev/sdb +240 GB +nothing$`, `(?m)^/dev/sdc +0 B +not told$`, `(?m)^/dev/sda +1 +data +1\.0 GB +ext4 +photos$`,
		`(?m)^processor +Xeon, 8 cores, 16 threads$`, `(?m)^memory +64 GiB$`,
	} {
		require.Regexp(t, want, text)
	}
	require.NotContains(t, text, "\x1b")
	require.NotContains(t, text, "PCR signing key", "what the machine does not tell is left out")

	stranger := bootstrap.NodeView{Stranger: true, State: "foreign", Address: "10.0.0.9"}
	require.Regexp(t, `(?m)^- +not of the site +foreign +10\.0\.0\.9$`, nodeTable([]bootstrap.NodeView{stranger}))
	require.Regexp(t, `(?m)^role +not of the site: it is never touched$`, nodeDescription(stranger))
}
