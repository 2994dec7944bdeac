// SPDX-License-Identifier: Apache-2.0

package talosim_test

import (
	"crypto/tls"
	"fmt"
	"time"

	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/client"
	"github.com/siderolabs/talos/pkg/machinery/config"
	"github.com/siderolabs/talos/pkg/machinery/config/generate"
	"github.com/stretchr/testify/require"
)

// anonymous is a client of a machine in maintenance.
func (m *testMachine) anonymous() *client.Client {
	return m.dial(client.WithTLSConfig(&tls.Config{InsecureSkipVerify: true}), 100)
}

// admin is a client with the cluster's administrator certificate.
func (m *testMachine) admin() *client.Client {
	input, err := generate.NewInput("lab", "https://127.0.0.1:6443", "1.34.4",
		generate.WithVersionContract(config.TalosVersion1_13), generate.WithSecretsBundle(m.lab.bundle))
	require.NoError(m.lab, err)
	talosconfig, err := input.Talosconfig()
	require.NoError(m.lab, err)

	return m.dial(client.WithConfig(talosconfig), 10)
}

func (m *testMachine) dial(how client.OptionFunc, offset byte) *client.Client {
	c, err := client.New(m.lab.Context(), how, client.WithEndpoints(m.lab.address(offset+m.number).String()))
	require.NoError(m.lab, err)
	m.lab.Cleanup(func() { _ = c.Close() })

	return c
}

// eventually asks again until the answer is nil.
func (l *testLab) eventually(what string, probe func() error) {
	l.Helper()

	var last error

	for until := time.Now().Add(20 * time.Second); time.Now().Before(until); time.Sleep(10 * time.Millisecond) {
		if last = probe(); last == nil {
			return
		}
	}

	l.Fatalf("waiting for %s: %v", what, last)
}

func (m *testMachine) apply(data []byte, dryRun bool) (*machine.ApplyConfigurationResponse, error) {
	return m.anonymous().ApplyConfiguration(m.lab.Context(), &machine.ApplyConfigurationRequest{Data: data, DryRun: dryRun})
}

// install applies a config as soon as the machine is in maintenance.
func (m *testMachine) install(data []byte) {
	m.lab.Helper()
	m.lab.eventually("maintenance", func() error {
		_, err := m.apply(data, false)

		return err
	})
}

// bootstrap calls Bootstrap until it is available.
func (m *testMachine) bootstrap() {
	m.lab.Helper()

	c := m.admin()
	m.lab.eventually("bootstrap", func() error { return c.Bootstrap(m.lab.Context(), &machine.BootstrapRequest{}) })
}

// members are the names in the own etcd's list of members.
func (m *testMachine) members() ([]string, error) {
	answer, err := m.admin().EtcdMemberList(m.lab.Context(), &machine.EtcdMemberListRequest{QueryLocal: true})
	if err != nil {
		return nil, err
	}

	var names []string

	for _, member := range answer.GetMessages()[0].GetMembers() {
		if member.GetIsLearner() {
			return nil, fmt.Errorf("%s is a learner", member.GetHostname())
		}

		names = append(names, member.GetHostname())
	}

	return names, nil
}
