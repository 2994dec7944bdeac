// SPDX-License-Identifier: Apache-2.0

// Package policy says who may talk to whom among pods of tenants, in two forms that know nothing of each other: Verdict, which
// reads the rules of isolation off a table for one flow, and the network policies that a cluster enforces. Tests hold both
// against one table that was written by hand, the policies with Cilium's own engine (lab/policy).
//
// A flow is allowed where the policies of its source allow it to leave and those of its destination allow it to enter. Every
// pod in a tenant's namespace is selected by the constant policy in both directions, so what nobody allows is denied. There is
// no rule that denies: the order of policies does not matter.
//
// It refuses to know Kubernetes clients, and who writes the policies (tenant/controller).
//
// Still missing: the dashboard among the system pods that tenants reach (row 13), which has no package yet.
package policy

import "github.com/cozystack/cozy-install/tenant"

// Labels of pods that the policies read. Our charts set them in the templates of pods; no controller labels live pods.
const (
	// LabelService says of which cluster service a pod is a part: one of the values below.
	LabelService = "cozystack.io/service"
	// LabelExpose opens a pod to the world.
	LabelExpose = "policy.cozystack.io/expose"
	// LabelAllowToEtcd lets a pod reach the etcd of its tenant.
	LabelAllowToEtcd = "policy.cozystack.io/allow-to-etcd"
	// LabelAllowToAPIServer lets a pod reach the API server of the management cluster.
	LabelAllowToAPIServer = "policy.cozystack.io/allow-to-apiserver"

	isTrue = "true"
)

// Values of LabelService.
const (
	PartEtcd      = "etcd"
	PartIngress   = "ingress"
	PartVMInsert  = "vminsert"
	PartVLInsert  = "vlinsert"
	PartVMAgent   = "vmagent"
	PartSeaweedFS = "seaweedfs"
)

const (
	// LabelSystem is on the namespaces of the platform, with the value "true": bundles puts it there.
	LabelSystem = "cozystack.io/system"
	// labelName is on every namespace: the API server puts it there.
	labelName = "kubernetes.io/metadata.name"
	// labelTenants is on the namespaces of tenants and on no other: each is the root or has it as an ancestor.
	labelTenants = tenant.AncestorLabel + tenant.RootNamespace
)

// Ports of etcd (all TCP): for clients, and for its members among themselves.
const (
	etcdClient = 2379
	etcdPeer   = 2380
	// etcdMetrics is where our etcd chart has it listen for scrapers: --listen-metrics-urls, plain HTTP and nothing but metrics.
	// Metrics ports of other pods need no list: the monitoring that a tenant resolves to is its own or an ancestor's, whose
	// pods reach them anyway.
	etcdMetrics = 2381
)

// door is what a service opens to the tenants that resolve to it.
type door struct {
	service tenant.Service
	part    string // of the pods that are reached, as LabelService has it
	ports   []uint16
}

// doors are where the clients of a service come in. etcd is not among them: it opens to labelled pods only.
func doors() []door {
	return []door{
		{tenant.Ingress, PartIngress, []uint16{80, 443}},
		{tenant.Monitoring, PartVMInsert, []uint16{8480}},
		{tenant.Monitoring, PartVLInsert, []uint16{9481}},
		{tenant.SeaweedFS, PartSeaweedFS, []uint16{8333}}, // S3; the filer and the masters ask nobody who they are
	}
}

// systemDoor is a system pod that pods of every tenant reach.
type systemDoor struct {
	namespace  string
	key, value string // the pods' label
	port       uint16
}

// systemDoors is the short list of system pods that tenants reach.
func systemDoors() []systemDoor {
	return []systemDoor{
		// Disk images are uploaded to it, with a token for each upload.
		{"cozy-kubevirt-cdi", "cdi.kubevirt.io", "cdi-uploadproxy", 8443},
	}
}

// CoreDNS, as Talos and kubeadm run it.
const (
	dnsNamespace = "kube-system"
	dnsKey       = "k8s-app"
	dnsValue     = "kube-dns"
	dnsPort      = 53
)
