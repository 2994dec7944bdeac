// SPDX-License-Identifier: Apache-2.0

package talosim

import (
	"context"
	"crypto/tls"
	"path"
	"slices"

	"github.com/cosi-project/runtime/pkg/state"
	"github.com/siderolabs/talos/pkg/machinery/resources/block"
	"github.com/siderolabs/talos/pkg/machinery/resources/config"
	"github.com/siderolabs/talos/pkg/machinery/resources/network"
	"github.com/siderolabs/talos/pkg/machinery/resources/secrets"
	"github.com/siderolabs/talos/pkg/machinery/role"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
)

// errNotAuthorized is Talos's answer to a caller without the role that a call wants.
var errNotAuthorized = status.Error(codes.PermissionDenied, "not authorized")

// Calls by the role they want, beyond which everything else wants only Reader. From machined's table of rules.
func wantedRole(method string) role.Role {
	switch method {
	case "Bootstrap", "Copy", "EtcdForfeitLeadership", "EtcdLeaveCluster", "EtcdRecover", "EtcdRemoveMemberByID",
		"EtcdSnapshot", "GenerateClientConfiguration", "Kubeconfig", "MetaDelete", "MetaWrite", "Read", "Reset",
		"Rollback", "Upgrade", "Create", "Update", "Destroy", "Teardown", "Install":
		return role.Admin
	case "Reboot", "Restart", "ServiceRestart", "ServiceStart", "ServiceStop", "Shutdown", "PacketCapture",
		"EtcdAlarmDisarm", "EtcdDefragment":
		return role.Operator
	default:
		return role.Reader // ApplyConfiguration too: its handler wants Admin once there is a config
	}
}

// authorize checks the caller's roles against the called method.
func authorize(ctx context.Context, fullMethod string) error {
	if md, ok := metadata.FromIncomingContext(ctx); ok && (len(md.Get("nodes")) > 0 || len(md.Get("node")) > 0) {
		return status.Error(codes.Unimplemented, "the simulated apid does not forward calls to other nodes")
	}

	roles := rolesOf(ctx)

	allowed := role.MakeSet(role.Admin)

	switch wantedRole(path.Base(fullMethod)) {
	case role.Operator:
		allowed = role.MakeSet(role.Admin, role.Operator)
	case role.Reader:
		allowed = role.MakeSet(role.Admin, role.Operator, role.Reader)
	}

	if !roles.IncludesAny(allowed) {
		return errNotAuthorized
	}

	return nil
}

// rolesOf reads the roles from the client's certificate. Without one the server is in maintenance mode, where everybody
// is a reader: a configured node's TLS lets nobody through without.
func rolesOf(ctx context.Context) role.Set {
	caller, ok := peer.FromContext(ctx)
	if !ok {
		return role.Zero
	}

	info, ok := caller.AuthInfo.(credentials.TLSInfo)
	if !ok {
		return role.Zero
	}

	if len(info.State.PeerCertificates) == 0 {
		return role.MakeSet(role.Reader)
	}

	roles, _ := role.Parse(verifiedOrganizations(info.State))

	return roles
}

func verifiedOrganizations(connection tls.ConnectionState) []string {
	if len(connection.VerifiedChains) == 0 {
		return nil
	}

	return connection.PeerCertificates[0].Subject.Organization
}

// resourceAccess refuses all writing, and to readers the resources that hold keys or the cluster's settings.
func resourceAccess(ctx context.Context, access state.Access) error {
	if !access.Verb.Readonly() {
		return status.Error(codes.PermissionDenied, "write access denied")
	}

	sensitive := []string{
		config.MachineConfigType, network.LinkSpecType, block.VolumeConfigType,
	}
	if !slices.Contains(sensitive, access.ResourceType) && access.ResourceNamespace != secrets.NamespaceName {
		return nil
	}

	if !rolesOf(ctx).Includes(role.Admin) {
		return errNotAuthorized
	}

	return nil
}
