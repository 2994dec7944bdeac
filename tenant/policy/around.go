// SPDX-License-Identifier: Apache-2.0

package policy

import corev1 "k8s.io/api/core/v1"

// rowsAround are the rules of what lies around the tenants: 10 to 16. What none of them names is denied.
func rowsAround() []row {
	return []row{
		{10, toDNS},
		{11, toAPIServer},
		{12, toNodes},
		{13, toSystem},
		{14, toWorld},
		{15, worldToExposed},
		{16, fromElsewhere},
	}
}

func toDNS(_ Site, f Flow) (bool, string) {
	if f.From.ofTenant() && f.To.isLabelled(dnsNamespace, dnsKey, dnsValue) && f.Port == dnsPort &&
		(f.Protocol == corev1.ProtocolUDP || f.Protocol == corev1.ProtocolTCP) {
		return true, "every pod asks the cluster's DNS"
	}

	return false, ""
}

func toAPIServer(s Site, f Flow) (bool, string) {
	switch {
	case !f.From.ofTenant() || f.To.Kind != APIServer:
		return false, ""
	case !f.From.has(LabelAllowToAPIServer, isTrue):
		return false, "the API server is closed to pods without the label " + LabelAllowToAPIServer
	case !f.isTCP(s.APIPort):
		return false, "the label " + LabelAllowToAPIServer + " opens the port of the API server and no other"
	}

	return true, "the label " + LabelAllowToAPIServer + " opens the API server"
}

func toNodes(s Site, f Flow) (bool, string) {
	switch {
	case !f.From.ofTenant():
		return false, ""
	case f.To.Kind == Host || f.To.Kind == RemoteNode:
		return false, "nodes are closed to pods of tenants"
	case f.To.Kind != Address:
		return false, ""
	}

	if area, isFound := s.areaOf(f.To.Address); isFound && area.isClosed {
		return false, f.To.String() + " is an address of " + area.what + ", closed to pods of tenants"
	}

	return false, ""
}

func toSystem(_ Site, f Flow) (bool, string) {
	if !f.From.ofTenant() || f.To.Kind != Pod || !f.To.IsSystem {
		return false, ""
	}

	for _, door := range systemDoors() {
		if f.To.isLabelled(door.namespace, door.key, door.value) && f.isTCP(door.port) {
			return true, "pods with " + door.key + "=" + door.value + " in " + door.namespace + " serve every tenant"
		}
	}

	return false, "system namespaces such as " + f.To.Namespace + " are closed to pods of tenants"
}

func toWorld(s Site, f Flow) (bool, string) {
	if !f.From.ofTenant() || f.To.Kind != Address {
		return false, ""
	}

	if _, isFound := s.areaOf(f.To.Address); isFound {
		return false, "" // an address of a pod or Service with nothing behind it that is known
	}

	return true, f.To.String() + " is of the world, which every pod reaches"
}

func worldToExposed(_ Site, f Flow) (bool, string) {
	if f.To.ofTenant() && f.To.has(LabelExpose, isTrue) && f.From.Kind != Pod {
		return true, "the label " + LabelExpose + " opens the pod to the world"
	}

	return false, ""
}

func fromElsewhere(_ Site, f Flow) (bool, string) {
	switch {
	case !f.To.ofTenant():
		return false, ""
	case f.From.Kind == Address:
		return false, "the world reaches only pods with the label " + LabelExpose
	case f.From.Kind == Pod:
		return false, f.From.Namespace + " is neither a tenant's namespace nor one of the system's"
	}

	return false, ""
}
