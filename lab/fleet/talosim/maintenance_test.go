// SPDX-License-Identifier: Apache-2.0

package talosim_test

import (
	"crypto/tls"
	"strings"
	"testing"

	"github.com/cosi-project/runtime/pkg/safe"
	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/client"
	machinetype "github.com/siderolabs/talos/pkg/machinery/config/machine"
	"github.com/siderolabs/talos/pkg/machinery/resources/block"
	configres "github.com/siderolabs/talos/pkg/machinery/resources/config"
	"github.com/siderolabs/talos/pkg/machinery/resources/hardware"
	"github.com/siderolabs/talos/pkg/machinery/resources/network"
	"github.com/siderolabs/talos/pkg/machinery/resources/runtime"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/cozystack/cozy-install/lab/fleet/talosim"
)

func TestMaintenanceIsOpenToReadAndToNothingElse(t *testing.T) {
	lab := newLab(t, 160)
	m := lab.machine(1)
	c := m.anonymous()
	lab.eventually("maintenance", func() error {
		_, err := c.Version(t.Context())

		return err
	})

	system, err := safe.StateGetByID[*hardware.SystemInformation](t.Context(), c.COSI, hardware.SystemInformationID)
	require.NoError(t, err)
	require.Equal(t, "SN1", system.TypedSpec().SerialNumber)
	require.Equal(t, "11111111-2222-3333-4444-000000000001", system.TypedSpec().UUID)

	links, err := safe.StateListAll[*network.LinkStatus](t.Context(), c.COSI)
	require.NoError(t, err)

	var physical []string

	for link := range links.All() {
		if link.TypedSpec().Physical() {
			physical = append(physical, link.TypedSpec().PermanentAddr.String())
		}
	}

	require.Equal(t, []string{"52:54:00:77:00:01"}, physical)

	disks, err := safe.StateListAll[*block.Disk](t.Context(), c.COSI)
	require.NoError(t, err)
	require.Equal(t, 2, disks.Len())
	require.Equal(t, uint64(100<<30), disks.Get(0).TypedSpec().Size)

	version, err := safe.StateGetByID[*runtime.Version](t.Context(), c.COSI, "version")
	require.NoError(t, err)
	require.Equal(t, "v1.13.9", version.TypedSpec().Version)

	status, err := safe.StateGetByID[*runtime.MachineStatus](t.Context(), c.COSI, runtime.MachineStatusID)
	require.NoError(t, err)
	require.Equal(t, runtime.MachineStageMaintenance, status.TypedSpec().Stage)

	_, err = safe.StateGetByID[*configres.MachineConfig](t.Context(), c.COSI, configres.ActiveID)
	require.Equal(t, codes.PermissionDenied, client.StatusCode(err), "%v", err)
	require.ErrorContains(t, c.COSI.Create(t.Context(), system), "not authorized")

	services, err := c.ServiceList(t.Context())
	require.NoError(t, err)
	require.Equal(t, "apid", services.GetMessages()[0].GetServices()[0].GetId())

	require.Equal(t, codes.PermissionDenied, client.StatusCode(c.Reboot(t.Context())))
	require.Equal(t, codes.PermissionDenied, client.StatusCode(c.Bootstrap(t.Context(), &machine.BootstrapRequest{})))
	_, err = c.Kubeconfig(t.Context())
	require.Equal(t, codes.PermissionDenied, client.StatusCode(err))
	_, err = c.MachineClient.CPUFreqStats(t.Context(), &emptypb.Empty{})
	require.Equal(t, codes.Unimplemented, client.StatusCode(err), "what is not simulated says so")
}

func TestMaintenanceKeyIsNewAtEachBootAndNoClientCertificateIsAskedFor(t *testing.T) {
	lab := newLab(t, 161)
	m := lab.machine(1)

	look := func() (key string, asked bool) {
		lab.eventually("maintenance", func() error {
			conn, err := tls.Dial("tcp", lab.address(101).String()+":50000", &tls.Config{
				InsecureSkipVerify: true, // only looked at
				GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
					asked = true

					return &tls.Certificate{}, nil
				},
			})
			if err != nil {
				return err
			}

			key = string(conn.ConnectionState().PeerCertificates[0].RawSubjectPublicKeyInfo)

			return conn.Close()
		})

		return key, asked
	}

	first, asked := look()
	require.False(t, asked)
	m.off()
	m.on()

	second, _ := look()
	require.NotEqual(t, first, second)
}

func TestBadConfigsAreRefusedInTalossOwnWords(t *testing.T) {
	lab := newLab(t, 162)
	m := lab.machine(1)
	good := lab.configFor(1, machinetype.TypeControlPlane)

	lab.eventually("maintenance", func() error {
		_, err := m.apply(good, true)

		return err
	})

	for _, tc := range []struct{ name, old, new, want string }{
		{"unknown key", "machine:\n", "machine:\n    colour: green\n", "unknown keys found during decoding"},
		{"not YAML", "machine:\n", "machine: [\n", "yaml"},
		{"no endpoint", "    controlPlane:\n        endpoint:", "    controlPlane:\n        # ", "cluster controlplane endpoint is required"},
		{"no such disk", "serial: D1", "serial: D9", "no disks matched the expression"},
		{"two such disks", "serial: D1", "model: SIM*", "2 disks [/dev/vda /dev/vdb] matched"},
		{"old Kubernetes", "v1.34.4", "v1.20.0", "is too old"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			require.Contains(t, string(good), tc.old)

			for _, dryRun := range []bool{true, false} {
				_, err := m.apply([]byte(strings.ReplaceAll(string(good), tc.old, tc.new)), dryRun)
				require.Equal(t, codes.InvalidArgument, client.StatusCode(err))
				require.ErrorContains(t, err, tc.want)
			}
		})
	}

	require.False(t, m.storage.Installed())
}

func TestHowAMachineWasStartedIsToldInMaintenanceAndAfter(t *testing.T) {
	lab := newLab(t, 165)
	lab.security = runtime.SecurityStateSpec{
		SecureBoot: true, BootedWithUKI: true, UKISigningKeyFingerprint: "uki", SELinuxState: runtime.SELinuxStatePermissive,
	}
	m := lab.machine(1)

	read := func(c *client.Client) error {
		state, err := safe.StateGetByID[*runtime.SecurityState](t.Context(), c.COSI, runtime.SecurityStateID)
		if err == nil {
			require.Equal(t, lab.security, *state.TypedSpec())
		}

		return err
	}

	lab.eventually("maintenance", func() error { return read(m.anonymous()) })
	m.install(lab.configFor(1, machinetype.TypeControlPlane))
	lab.eventually("the installed system", func() error { return read(m.admin()) })
}

func TestApplyInstallsRebootsAndAnswersToTheClustersAdministratorOnly(t *testing.T) {
	lab := newLab(t, 163)
	m := lab.machine(1)
	data := lab.configFor(1, machinetype.TypeControlPlane)

	lab.eventually("maintenance", func() error {
		answer, err := m.apply(data, true)
		if err == nil {
			require.Contains(t, answer.GetMessages()[0].GetModeDetails(), "(skipped in dry-run)")
		}

		return err
	})
	require.False(t, m.storage.Installed(), "a dry run changes nothing")

	m.install(data)

	_, err := m.apply(data, false)
	require.Equal(t, codes.FailedPrecondition, client.StatusCode(err), "a second one: %v", err)

	_, err = m.anonymous().Version(t.Context())
	require.NoError(t, err, "it goes on answering while it installs")

	admin := m.admin()
	lab.eventually("the installed system", func() error {
		_, err := admin.Version(t.Context())

		return err
	})

	version, err := admin.Version(t.Context())
	require.NoError(t, err)
	require.Equal(t, "v1.13.8", version.GetMessages()[0].GetVersion().GetTag(), "the installer's image decides")

	_, err = m.dial(client.WithTLSConfig(&tls.Config{InsecureSkipVerify: true}), 10).Version(t.Context())
	require.Equal(t, codes.Unavailable, client.StatusCode(err), "without a certificate: %v", err)

	stranger := *lab
	stranger.bundle = newBundle(t)
	_, err = (&testMachine{lab: &stranger, number: 1}).admin().Version(t.Context())
	require.Equal(t, codes.Unavailable, client.StatusCode(err), "another cluster's administrator: %v", err)

	answer, err := admin.ApplyConfiguration(t.Context(), &machine.ApplyConfigurationRequest{
		Data: data, DryRun: true, Mode: machine.ApplyConfigurationRequest_AUTO,
	})
	require.NoError(t, err)
	require.True(t, strings.HasSuffix(answer.GetMessages()[0].GetModeDetails(), "No changes."))

	active, err := safe.StateGetByID[*configres.MachineConfig](t.Context(), admin.COSI, configres.ActiveID)
	require.NoError(t, err)
	require.Equal(t, "lab", active.Config().Cluster().Name())

	m.off()
	require.Equal(t, []talosim.Stage{
		talosim.StageMaintenance, talosim.StageInstalling, talosim.StageRebooting, talosim.StageBooting,
	}, m.stages, "not running: etcd waits for its bootstrap")
}

func TestPowerLostDuringTheInstallationLeavesNothingInstalled(t *testing.T) {
	lab := newLab(t, 164)
	m := lab.machine(1)
	m.install(lab.configFor(1, machinetype.TypeControlPlane))
	m.off()
	require.False(t, m.storage.Installed())

	m.on()
	m.install(lab.configFor(1, machinetype.TypeControlPlane))
}
