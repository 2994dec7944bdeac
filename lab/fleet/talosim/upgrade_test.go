// SPDX-License-Identifier: Apache-2.0

package talosim_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/cosi-project/runtime/pkg/safe"
	"github.com/siderolabs/talos/pkg/machinery/api/common"
	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/client"
	machinetype "github.com/siderolabs/talos/pkg/machinery/config/machine"
	"github.com/siderolabs/talos/pkg/machinery/resources/k8s"
	"github.com/siderolabs/talos/pkg/machinery/resources/runtime"
	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/lab/fleet/talosim"
)

// cluster brings up control planes, and waits until each has its etcd member and its node.
func (l *testLab) cluster(planes int) []*testMachine {
	l.Helper()

	var nodes []*testMachine
	for i := 1; i <= planes; i++ {
		nodes = append(nodes, l.machine(byte(i)))
		nodes[i-1].install(l.configFor(byte(i), machinetype.TypeControlPlane))
	}

	nodes[0].bootstrap()

	for _, n := range nodes {
		l.eventually("the control plane", func() error {
			pods, err := safe.StateListAll[*k8s.StaticPodStatus](l.Context(), n.admin().COSI)
			if err == nil && pods.Len() != 3 {
				err = fmt.Errorf("%d static pods", pods.Len())
			}

			return errors.Join(err, n.registered())
		})
	}

	return nodes
}

func (m *testMachine) registered() error {
	if node, down := m.lab.kubernetes.state(fmt.Sprintf("node-%d", m.number)); node.Name == "" || down {
		return errors.New("not registered")
	}

	return nil
}

// system is the version, the schematic and the boot's ID of a configured machine.
func (m *testMachine) system() (version, schematic, boot string, err error) {
	c := m.admin()

	reply, err := c.Version(m.lab.Context())
	if err != nil {
		return "", "", "", err
	}

	list, err := safe.StateListAll[*runtime.ExtensionStatus](m.lab.Context(), c.COSI)
	if err != nil || list.Len() != 1 {
		return "", "", "", errors.Join(err, fmt.Errorf("%d extensions", list.Len()))
	}

	reader, err := c.Read(m.lab.Context(), "/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", "", "", err
	}
	defer reader.Close()

	data, err := io.ReadAll(reader)

	return reply.GetMessages()[0].GetVersion().GetTag(), list.Get(0).TypedSpec().Metadata.Version, string(data), err
}

func (m *testMachine) upgrade(image string, options ...client.UpgradeOption) error {
	//nolint:staticcheck // the call of all supported versions
	_, err := m.admin().UpgradeWithOptions(m.lab.Context(), append(options, client.WithUpgradeImage(image))...)

	return err
}

// upgraded waits for another boot than the named one, with the member and the node back.
func (m *testMachine) upgraded(before string) (version, schematic string) {
	m.lab.Helper()
	m.lab.eventually("the next boot", func() error {
		v, s, boot, err := m.system()
		if err == nil && boot == before {
			err = errors.New("the same boot")
		}

		version, schematic = v, s

		return errors.Join(err, m.registered())
	})

	return version, schematic
}

func TestAnUpgradeEndsInTheNewImageOrInTheOldOne(t *testing.T) {
	lab := newLab(t, 173)
	nodes := lab.cluster(1)
	version, schematic, boot, err := nodes[0].system()
	require.NoError(t, err)
	require.Equal(t, []string{"v1.13.8", "0123"}, []string{version, schematic}, "the config's image")

	c := nodes[0].admin()
	err = nodes[0].upgrade("factory.example/metal-installer/4567")
	require.ErrorContains(t, err, "error validating installer image")

	nodes[0].faults.next["Upgrade"] = talosim.Fault{RollBack: true}
	require.NoError(t, nodes[0].upgrade("factory.example/metal-installer/4567:v1.13.9"))
	lab.eventually("the upgrade", func() error { return stageIs(t, c, runtime.MachineStageUpgrading) })

	version, schematic = nodes[0].upgraded(boot)
	require.Equal(t, []string{"v1.13.8", "0123"}, []string{version, schematic}, "it rolled back")

	_, _, boot, err = nodes[0].system()
	require.NoError(t, err)
	require.NoError(t, nodes[0].upgrade("factory.example/metal-installer-secureboot/4567:v1.13.9"))

	version, schematic = nodes[0].upgraded(boot)
	require.Equal(t, []string{"v1.13.9", "4567"}, []string{version, schematic})
	nodes[0].wantMembers("node-1")
	require.Contains(t, string(nodes[0].storage.Config()), "0123:v1.13.8", "the config stays as it was")
}

func stageIs(t *testing.T, c *client.Client, want runtime.MachineStage) error {
	t.Helper()

	status, err := safe.StateGetByID[*runtime.MachineStatus](t.Context(), c.COSI, runtime.MachineStatusID)
	if err == nil && status.TypedSpec().Stage != want {
		err = fmt.Errorf("stage %s", status.TypedSpec().Stage)
	}

	return err
}

func TestAnUpgradeIsRefusedWhenEtcdWouldNotStandIt(t *testing.T) {
	lab := newLab(t, 174)
	nodes := lab.cluster(3)
	const image = "factory.example/metal-installer/4567:v1.13.9"

	nodes[2].off()
	require.ErrorContains(t, nodes[0].upgrade(image), "etcd member node-3 is not healthy")

	two := newLab(t, 175).cluster(2)
	require.ErrorContains(t, two[0].upgrade(image), "etcd member count(2) is insufficient")
	require.NoError(t, two[0].upgrade(image, client.WithUpgradeForce(true)))
}

func TestAChangedImageRestartsItsComponentOnly(t *testing.T) {
	lab := newLab(t, 176)
	node := lab.cluster(1)[0]
	c := node.admin()
	config := string(node.storage.Config())
	change := func(was, is string) {
		require.Contains(t, config, was)
		config = strings.ReplaceAll(config, was, is)
		_, err := c.ApplyConfiguration(t.Context(), &machine.ApplyConfigurationRequest{
			Data: []byte(config), Mode: machine.ApplyConfigurationRequest_NO_REBOOT,
		})
		require.NoError(t, err)
	}
	_, _, boot, err := node.system()
	require.NoError(t, err)

	change("kube-apiserver:v1.34.4", "kube-apiserver:v1.35.0")
	lab.eventually("the API server", func() error {
		pod, err := safe.StateGetByID[*k8s.StaticPodStatus](t.Context(), c.COSI, "kube-system/kube-apiserver-node-1")
		if err != nil {
			return err
		}

		if text := fmt.Sprint(pod.TypedSpec().PodStatus); !strings.Contains(text, "v1.35.0") || !strings.Contains(text, "True") {
			return errors.New(text)
		}

		return nil
	})

	pod, err := safe.StateGetByID[*k8s.StaticPodStatus](t.Context(), c.COSI, "kube-system/kube-scheduler-node-1")
	require.NoError(t, err)
	require.Contains(t, fmt.Sprint(pod.TypedSpec().PodStatus), "v1.34.4")

	registered, _ := lab.kubernetes.state("node-1")
	require.Equal(t, "v1.34.4", registered.KubeletVersion)
	change("kubelet:v1.34.4", "kubelet:v1.35.0")
	lab.eventually("the kubelet", func() error {
		if registered, _ := lab.kubernetes.state("node-1"); registered.KubeletVersion != "v1.35.0" {
			return errors.New(registered.KubeletVersion)
		}

		return serviceIs(t, c, "kubelet", "Running")
	})

	_, _, after, err := node.system()
	require.NoError(t, err)
	require.Equal(t, boot, after, "no reboot")

	pull := func(image string) error {
		//nolint:staticcheck // the call of all supported versions
		return c.ImagePull(t.Context(), common.ContainerdNamespace_NS_CRI, image)
	}
	require.NoError(t, pull("registry.k8s.io/kube-apiserver:v1.35.0"))
	require.Error(t, pull("registry.k8s.io/kube-apiserver"))
}
