// SPDX-License-Identifier: Apache-2.0

package wire_test

import (
	"encoding/json"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap"
	"github.com/cozystack/cozy-install/lab/fleet/rom"
	"github.com/cozystack/cozy-install/pxe"
)

// silentByTFTP is a machine whose requests for files get lost.
func silentByTFTP(protocol string) bool { return protocol == rom.TFTPSent }

func TestExplainSaysWhyAMachineIsStuck(t *testing.T) {
	s := newSite(t, serverMode)
	s.serve()

	machines := map[string]machine{
		"cp1": {mac: "52:54:00:77:00:01", firmware: rom.BIOS, drop: silentByTFTP},
		"cp2": {mac: "52:54:00:77:00:02", firmware: rom.BIOS, drop: func(protocol string) bool { return protocol == rom.TFTP }},
		"cp3": {mac: "52:54:00:77:00:03", firmware: rom.BIOS, stopAt: "loader"},
	}

	var booting sync.WaitGroup
	for _, m := range machines {
		port := s.attach(m.mac)
		booting.Go(func() {
			_, err := s.bootAt(m, port)
			assert.Error(t, err)
		})
	}
	booting.Wait()

	for name, want := range map[string][]string{
		"cp1": {
			`DHCPDISCOVER +answered +x86-64 BIOS, address 10\.77\.0\.21: 52-54-00-77-00-01/undionly\.kpxe`,
			`DHCPREQUEST +answered `,
			`stuck at offered since \d{4}-\d\d-\d\d .*, likely cause: it took an address and did not come for its file`,
			`hint: open UDP ports 69 and 4011`,
		},
		"cp2": {
			`TFTP "undionly\.kpxe" +answered `,
			`stuck at offered since .*, likely cause: the last transfer failed: TFTP `,
			`hint: a firewall between here and the machine`,
		},
		"cp3": {
			`TFTP "undionly\.kpxe" +answered +sent`,
			`stuck at loader since .*, likely cause: iPXE was loaded and did not ask for its script`,
			`hint: look at its console`,
		},
	} {
		text := s.explain(name, "stuck at")
		for _, line := range want {
			require.Regexp(t, line, text)
		}
	}

	var boots []bootstrap.DiagnosedBoot

	require.NoError(t, json.Unmarshal([]byte(s.command("pxe", "explain", "cp3", "-o", "json").out), &boots))
	require.Len(t, boots, 1)
	require.Equal(t, pxe.StageLoader, boots[0].Diagnosis.Stage)
	require.True(t, boots[0].Diagnosis.Stuck)
	require.NotEmpty(t, boots[0].Diagnosis.Cause)
	require.Equal(t, "10.77.0.23", boots[0].Address.String())
	require.NotEmpty(t, boots[0].Events)

	// The next boot goes all the way, whatever the last one left.
	for _, m := range machines {
		s.boots(machine{mac: m.mac, firmware: m.firmware})
	}
	require.Regexp(t, `cp3 +52:54:00:77:00:03 +x86-64 BIOS +10\.77\.0\.23 +`, s.command("pxe", "status").out)

	none := s.command("pxe", "explain", "cp9")
	require.Equal(t, 1, none.code)
	require.Contains(t, none.err, `no machine "cp9" has asked the netboot server for anything`)
}
