// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"net"
	"path"
	"runtime"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/talos"
)

// collectLocal puts what the bastion knows into the bundle.
func (b *bringup) collectLocal(a *supportArchive, secretsErr error, say func(string)) {
	say("reading the site file and the work directory")
	text, err := site.Format(b.site)
	if err == nil {
		text, err = talos.RedactYAML(text)
	}
	a.addBytes("site.yaml", text, err)
	journal, err := b.dir.Journal()
	a.addJSON("journal.json", journal, err)
	approvals, err := b.dir.Approvals()
	a.addJSON("approvals.json", approvals, err)
	boots, err := LookAtNetboot(b.opts)
	a.addJSON("boots.json", boots, err)
	a.addJSON("bastion.json", bastion(), nil)
	b.collectConfigs(a, secretsErr)
}

// collectConfigs puts every node's machine config into the bundle, redacted. Without secrets there is none.
func (b *bringup) collectConfigs(a *supportArchive, secretsErr error) {
	if b.secrets == nil {
		part := SupportPart{Path: "configs", State: PartWithheld, Reason: "the cluster's secrets do not exist yet"}
		if secretsErr != nil {
			part.State, part.Reason = PartFailed, secretsErr.Error()
		}
		a.add(part, nil)
		return
	}
	for _, node := range b.site.Nodes {
		configs, err := b.machineConfigs([]site.Node{node}, nil)
		var config []byte
		if err == nil {
			config, err = talos.RedactConfig(configs[0])
		}
		a.addBytes(path.Join("configs", node.Name+".yaml"), config, err)
	}
}

type bastionView struct {
	OS         string              `json:"os"`
	Arch       string              `json:"arch"`
	Interfaces map[string][]string `json:"interfaces"`
	Error      string              `json:"error,omitempty"`
}

// bastion is the host that the installer runs on.
func bastion() bastionView {
	out := bastionView{OS: runtime.GOOS, Arch: runtime.GOARCH, Interfaces: map[string][]string{}}
	interfaces, err := net.Interfaces()
	if err != nil {
		out.Error = err.Error()
	}
	for _, i := range interfaces {
		addresses, err := i.Addrs()
		out.Interfaces[i.Name] = []string{i.HardwareAddr.String(), i.Flags.String()}
		if err != nil {
			out.Error = err.Error()
		}
		for _, address := range addresses {
			out.Interfaces[i.Name] = append(out.Interfaces[i.Name], address.String())
		}
	}
	return out
}
