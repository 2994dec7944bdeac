// SPDX-License-Identifier: Apache-2.0

package talos_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/siderolabs/talos/pkg/machinery/api/common"
	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/cozystack/cozy-install/talos"
)

func TestApplySendsTheConfigAsItIs(t *testing.T) {
	var requests []*machine.ApplyConfigurationRequest

	client := dialFake(t, &fakeNode{apply: func(r *machine.ApplyConfigurationRequest) (*machine.ApplyConfigurationResponse, error) {
		requests = append(requests, r)

		return &machine.ApplyConfigurationResponse{Messages: []*machine.ApplyConfiguration{{
			ModeDetails: "Dry run summary:\nNo changes.\n", Warnings: []string{"disk is small"},
		}}}, nil
	}})

	details, err := client.DryRun(t.Context(), []byte("config"))
	require.NoError(t, err)
	require.Equal(t, "Dry run summary:\nNo changes.\n\ndisk is small", details)
	require.NoError(t, client.Apply(t.Context(), []byte("config")))

	require.Len(t, requests, 2)
	require.True(t, requests[0].GetDryRun())
	require.False(t, requests[1].GetDryRun())

	for _, request := range requests {
		require.Equal(t, "config", string(request.GetData()))
		require.Equal(t, machine.ApplyConfigurationRequest_AUTO, request.GetMode())
	}
}

func TestApplyErrorsSayWhatToDecide(t *testing.T) {
	for code, want := range map[codes.Code]error{
		codes.FailedPrecondition: talos.ErrAlreadyApplying,
		codes.InvalidArgument:    talos.ErrInvalidConfig,
		codes.Unavailable:        talos.ErrUnavailable,
	} {
		client := dialFake(t, &fakeNode{apply: func(*machine.ApplyConfigurationRequest) (*machine.ApplyConfigurationResponse, error) {
			return nil, status.Error(code, "the node's reason")
		}})

		err := client.Apply(t.Context(), []byte("config"))
		require.ErrorIs(t, err, want)
		require.ErrorContains(t, err, "apply config on "+client.Addr().String()+": the node's reason")
	}
}

// The maintenance service of Talos 1.11 and 1.12 answers so to a key that it does not know.
func TestAConfigThatAnOldNodeCannotReadIsInvalid(t *testing.T) {
	client := dialFake(t, &fakeNode{apply: func(*machine.ApplyConfigurationRequest) (*machine.ApplyConfigurationResponse, error) {
		return nil, fmt.Errorf("failed to parse config: unknown keys found during decoding:\nmachine:\n  colour: green")
	}})
	require.ErrorIs(t, client.Apply(t.Context(), []byte("config")), talos.ErrInvalidConfig)
}

// A node quotes configs in diffs and in refusals; the secrets in them end here.
func TestAnswersToConfigsAreRedacted(t *testing.T) {
	secrets := testSecrets(t)
	material := keyMaterial(t, secrets, nil)
	config := mustBytes(t, testNode(talos.ControlPlane))

	diff := "--- a\n+++ b\n" + strings.ReplaceAll(string(config), "\n", "\n ") +
		"\n-    token: old00.0123456789abcdef\n+    token: " + material[0] + "\n-        key: T0xEIEtFWQ==\n"

	reply := &machine.ApplyConfigurationResponse{Messages: []*machine.ApplyConfiguration{{ModeDetails: diff}}}

	var refusal error

	client := dialFake(t, &fakeNode{apply: func(*machine.ApplyConfigurationRequest) (*machine.ApplyConfigurationResponse, error) {
		return reply, refusal
	}})

	details, err := client.DryRun(t.Context(), config)
	require.NoError(t, err)
	requireNoSecrets(t, details, append(material, "old00.0123456789abcdef", "T0xEIEtFWQ=="))
	require.Contains(t, details, "hostname: node1", "the rest must be kept")
	require.Contains(t, details, "-    token: (redacted)")

	refusal = status.Error(codes.InvalidArgument, "bad \x1b[2J config: "+strings.Join(material, " and "))
	_, err = client.DryRun(t.Context(), config)
	require.ErrorIs(t, err, talos.ErrInvalidConfig)
	requireNoSecrets(t, err.Error(), material)
	require.NotContains(t, err.Error(), "\x1b")
}

func TestBootstrapErrorsSayWhatToDecide(t *testing.T) {
	var answer error

	client := dialFake(t, &fakeNode{bootstrap: func() error { return answer }})
	require.NoError(t, client.Bootstrap(t.Context()))

	for code, want := range map[codes.Code]error{
		codes.AlreadyExists:      talos.ErrAlreadyBootstrapped,
		codes.FailedPrecondition: talos.ErrNotReady,
		codes.Unavailable:        talos.ErrUnavailable,
		codes.DeadlineExceeded:   talos.ErrUnavailable,
	} {
		answer = status.Error(code, "reason")
		require.ErrorIs(t, client.Bootstrap(t.Context()), want)
	}

	answer = status.Error(codes.FailedPrecondition, "time is not in sync yet")

	var call *talos.CallError
	require.ErrorAs(t, client.Bootstrap(t.Context()), &call)
	require.Contains(t, call.Hint(), "NTP")

	answer = status.Error(codes.InvalidArgument, "etcd is not configured")
	err := client.Bootstrap(t.Context())
	require.ErrorContains(t, err, "etcd is not configured")

	for _, kind := range []error{talos.ErrAlreadyBootstrapped, talos.ErrNotReady, talos.ErrUnavailable} {
		require.NotErrorIs(t, err, kind)
	}
}

func TestEtcdMembersAreTheNodesOwnView(t *testing.T) {
	var answer error

	client := dialFake(t, &fakeNode{members: func(r *machine.EtcdMemberListRequest) (*machine.EtcdMemberListResponse, error) {
		if !r.GetQueryLocal() {
			return nil, errors.New("must ask this node only")
		}

		return &machine.EtcdMemberListResponse{Messages: []*machine.EtcdMembers{{Members: []*machine.EtcdMember{
			{Id: 7, Hostname: "cp1", PeerUrls: []string{"https://10.77.0.11:2380"}, ClientUrls: []string{"https://10.77.0.11:2379"}},
			{Id: 8, IsLearner: true},
		}}}}, answer
	}})

	got, err := client.EtcdMembers(t.Context())
	require.NoError(t, err)
	require.Equal(t, []talos.EtcdMember{
		{ID: 7, Hostname: "cp1", PeerURLs: []string{"https://10.77.0.11:2380"}, ClientURLs: []string{"https://10.77.0.11:2379"}},
		{ID: 8, Learner: true, PeerURLs: []string{}, ClientURLs: []string{}},
	}, got)

	answer = status.Error(codes.Unavailable, "no etcd")
	_, err = client.EtcdMembers(t.Context())
	require.ErrorIs(t, err, talos.ErrUnavailable)
}

func TestEtcdServiceStateKnowsAbsence(t *testing.T) {
	node := &fakeNode{services: []*machine.ServiceInfo{
		{Id: "kubelet", State: "Running"},
		{Id: "etcd", State: "Preparing", Health: &machine.ServiceHealth{Unknown: true, Healthy: true}, Events: &machine.ServiceEvents{
			Events: []*machine.ServiceEvent{{Msg: "Starting"}, {Msg: "Running pre state"}},
		}},
	}}
	client := dialFake(t, node)

	got, err := client.EtcdServiceState(t.Context())
	require.NoError(t, err)
	require.Equal(t, talos.ServiceState{State: "Preparing", Message: "Running pre state"}, got)

	node.services[1] = &machine.ServiceInfo{Id: "etcd", State: "Running", Health: &machine.ServiceHealth{Healthy: true, LastMessage: "ok"}}
	got, err = client.EtcdServiceState(t.Context())
	require.NoError(t, err)
	require.Equal(t, talos.ServiceState{State: "Running", Healthy: true, Message: "ok"}, got)

	node.services = node.services[:1]
	got, err = client.EtcdServiceState(t.Context())
	require.NoError(t, err)
	require.Equal(t, talos.ServiceState{}, got)
}

// packed is a gzipped tar of one file, as Talos sends kubeconfigs.
func packed(t *testing.T, content []byte) []byte {
	t.Helper()

	var data bytes.Buffer

	zipped := gzip.NewWriter(&data)
	archive := tar.NewWriter(zipped)
	require.NoError(t, archive.WriteHeader(&tar.Header{Name: "kubeconfig", Size: int64(len(content)), Mode: 0o600}))

	_, err := archive.Write(content)
	require.NoError(t, err)
	require.NoError(t, archive.Close())
	require.NoError(t, zipped.Close())

	return data.Bytes()
}

func TestKubeconfigIsUnpackedWithinBounds(t *testing.T) {
	for name, test := range map[string]struct {
		data []byte
		fail error
		want string // of the error
	}{
		"good":     {data: packed(t, []byte("apiVersion: v1\n"))},
		"empty":    {data: packed(t, nil), want: "empty"},
		"bomb":     {data: packed(t, make([]byte, 64<<20)), want: "larger than can be right"},
		"not gzip": {data: []byte("apiVersion: v1\nkind: Config\n"), want: "unpack"},
		"cut":      {data: packed(t, []byte("apiVersion: v1\n"))[:40], want: "unpack"},
		"nothing":  {want: "unpack"},
		"refused":  {fail: status.Error(codes.PermissionDenied, "not for you"), want: "not for you"},
	} {
		t.Run(name, func(t *testing.T) {
			client := dialFake(t, &fakeNode{kubeconfig: func(stream machine.MachineService_KubeconfigServer) error {
				if err := stream.Send(&common.Data{Bytes: test.data}); err != nil {
					return err
				}

				return test.fail
			}})

			got, err := client.Kubeconfig(t.Context())
			if test.want == "" {
				require.NoError(t, err)
				require.Equal(t, "apiVersion: v1\n", string(got))

				return
			}

			require.ErrorContains(t, err, "fetch kubeconfig on "+client.Addr().String())
			require.ErrorContains(t, err, test.want)
		})
	}
}
