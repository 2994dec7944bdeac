// SPDX-License-Identifier: Apache-2.0

package talos_test

import (
	"context"
	"crypto/tls"
	stdx509 "crypto/x509"
	"net"
	"net/netip"
	"testing"
	"time"

	cosiv1alpha1 "github.com/cosi-project/runtime/api/v1alpha1"
	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/cosi-project/runtime/pkg/state"
	"github.com/cosi-project/runtime/pkg/state/impl/inmem"
	"github.com/cosi-project/runtime/pkg/state/impl/namespaced"
	cosi "github.com/cosi-project/runtime/pkg/state/protobuf/server"
	"github.com/siderolabs/crypto/x509"
	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/api/storage"
	timeapi "github.com/siderolabs/talos/pkg/machinery/api/time"
	"github.com/siderolabs/talos/pkg/machinery/config/generate/secrets"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/cozystack/cozy-install/talos"
)

// fakeNode is the part of Talos's API that the client calls, with answers given by the test.
type fakeNode struct {
	machine.UnimplementedMachineServiceServer

	apply      func(*machine.ApplyConfigurationRequest) (*machine.ApplyConfigurationResponse, error)
	bootstrap  func() error
	members    func(*machine.EtcdMemberListRequest) (*machine.EtcdMemberListResponse, error)
	services   []*machine.ServiceInfo
	kubeconfig func(machine.MachineService_KubeconfigServer) error
	memory     uint64                    // KiB
	mode       string                    // of its platform
	clock      timeapi.TimeServiceServer // nil: there is no such service
	changing   func(state.State)         // runs beside the server; nil: nothing changes
	resources  []resource.Resource
	denied     map[resource.Type]codes.Code

	// Of day two.
	snapshot     func(machine.MachineService_EtcdSnapshotServer) error
	recovers     func(machine.MachineService_EtcdRecoverServer) error
	list         func(*machine.ListRequest, machine.MachineService_ListServer) error
	read         func(*machine.ReadRequest, machine.MachineService_ReadServer) error
	reset        func(*machine.ResetRequest) error
	bootstrapped func(*machine.BootstrapRequest) // nil: nobody looks
	etcdStatus   *machine.EtcdMemberStatus
	wiped        []*storage.BlockDeviceWipeDescriptor
	wipeError    error
}

func (n *fakeNode) ApplyConfiguration(
	_ context.Context, request *machine.ApplyConfigurationRequest,
) (*machine.ApplyConfigurationResponse, error) {
	return n.apply(request)
}

func (n *fakeNode) Bootstrap(_ context.Context, in *machine.BootstrapRequest) (*machine.BootstrapResponse, error) {
	if n.bootstrapped != nil {
		n.bootstrapped(in)
	}

	return &machine.BootstrapResponse{Messages: []*machine.Bootstrap{{}}}, n.bootstrap()
}

func (n *fakeNode) EtcdMemberList(
	_ context.Context, request *machine.EtcdMemberListRequest,
) (*machine.EtcdMemberListResponse, error) {
	return n.members(request)
}

func (n *fakeNode) ServiceList(context.Context, *emptypb.Empty) (*machine.ServiceListResponse, error) {
	return &machine.ServiceListResponse{Messages: []*machine.ServiceList{{Services: n.services}}}, nil
}

func (n *fakeNode) Kubeconfig(_ *emptypb.Empty, stream machine.MachineService_KubeconfigServer) error {
	return n.kubeconfig(stream)
}

// serve runs the node on loopback until the test ends.
func (n *fakeNode) serve(t *testing.T, config *tls.Config) netip.AddrPort {
	t.Helper()

	resources := state.WrapCore(namespaced.NewState(inmem.Build))
	for _, item := range n.resources {
		require.NoError(t, resources.Create(t.Context(), item))
	}

	filtered := state.Filter(resources, func(_ context.Context, access state.Access) error {
		if code, denied := n.denied[access.ResourceType]; denied {
			return status.Error(code, "not for you")
		}

		return nil
	})

	server := grpc.NewServer(grpc.Creds(credentials.NewTLS(config)))
	machine.RegisterMachineServiceServer(server, n)
	storage.RegisterStorageServiceServer(server, &storageService{node: n})

	if n.clock != nil {
		timeapi.RegisterTimeServiceServer(server, n.clock)
	}

	cosiv1alpha1.RegisterStateServer(server, cosi.NewState(filtered))

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)

	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()

	if n.changing != nil {
		go n.changing(resources)
	}

	t.Cleanup(func() {
		server.Stop()
		require.NoError(t, <-done)
	})

	return netip.MustParseAddrPort(listener.Addr().String())
}

// maintenanceTLS is what Talos 1.13 serves without a config: a self-signed certificate, no client certificate asked for.
func maintenanceTLS(t *testing.T) *tls.Config {
	t.Helper()

	authority, err := x509.NewSelfSignedCertificateAuthority()
	require.NoError(t, err)

	return &tls.Config{Certificates: []tls.Certificate{serverCertificate(t, authority)}, ClientAuth: tls.NoClientCert}
}

// clusterTLS is what a configured node of the cluster serves.
func clusterTLS(t *testing.T, s *talos.Secrets, options ...x509.Option) *tls.Config {
	t.Helper()

	data, err := s.Marshal()
	require.NoError(t, err)

	var bundle secrets.Bundle
	require.NoError(t, yaml.Unmarshal(data, &bundle))

	authority, err := x509.NewCertificateAuthorityFromCertificateAndKey(bundle.Certs.OS)
	require.NoError(t, err)

	return configuredTLS(t, authority, options...)
}

// foreignTLS is what a node of somebody else's cluster serves.
func foreignTLS(t *testing.T) *tls.Config {
	t.Helper()

	authority, err := x509.NewSelfSignedCertificateAuthority()
	require.NoError(t, err)

	return configuredTLS(t, authority)
}

func configuredTLS(t *testing.T, authority *x509.CertificateAuthority, options ...x509.Option) *tls.Config {
	t.Helper()

	clients := stdx509.NewCertPool()
	clients.AddCert(authority.Crt)

	return &tls.Config{
		Certificates: []tls.Certificate{serverCertificate(t, authority, options...)},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    clients,
	}
}

func serverCertificate(t *testing.T, authority *x509.CertificateAuthority, options ...x509.Option) tls.Certificate {
	t.Helper()

	pair, err := x509.NewKeyPair(authority, append([]x509.Option{
		x509.CommonName("node"),
		x509.IPAddresses([]net.IP{net.IPv4(127, 0, 0, 1)}),
		x509.NotAfter(time.Now().Add(time.Hour)),
		x509.ExtKeyUsage([]stdx509.ExtKeyUsage{stdx509.ExtKeyUsageServerAuth}),
	}, options...)...)
	require.NoError(t, err)

	return *pair.Certificate
}

func testCredentials(t *testing.T, s *talos.Secrets) *talos.Credentials {
	t.Helper()

	data, err := talos.Talosconfig(testCluster(), s, []string{"127.0.0.1"})
	require.NoError(t, err)

	creds, err := talos.ParseCredentials(data)
	require.NoError(t, err)

	return creds
}
