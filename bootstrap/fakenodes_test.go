// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"
	discoveryfake "k8s.io/client-go/discovery/fake"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	restfake "k8s.io/client-go/rest/fake"

	"github.com/cozystack/cozy-install/lab/fleet/talosim"
)

// fakeNodes is a cluster in which the machines' nodes appear.
type fakeNodes struct{ client kubernetes.Interface }

// readyCluster is a cluster whose API server says that it is ready.
type readyCluster struct{ kubernetes.Interface }

func (c readyCluster) Discovery() discovery.DiscoveryInterfaces {
	return readyDiscovery{c.Interface.Discovery().(*discoveryfake.FakeDiscovery)}
}

type readyDiscovery struct{ *discoveryfake.FakeDiscovery }

func (readyDiscovery) RESTClient() rest.Interface {
	return &restfake.RESTClient{
		NegotiatedSerializer: scheme.Codecs,
		Client: restfake.CreateHTTPClient(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader("ok"))}, nil
		}),
	}
}

func (*fakeNodes) Kubeconfig(string) ([]byte, error) { return nil, errors.New("there is no API") }

func (*fakeNodes) Dial(context.Context) (net.Conn, error) { return nil, errors.New("there is no API") }

func (k *fakeNodes) RegisterNode(ctx context.Context, node talosim.KubernetesNode) error {
	object := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: node.Name}}
	_, err := k.client.CoreV1().Nodes().Create(ctx, object, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	return k.set(ctx, node.Name, func(object *corev1.Node) {
		object.Status.NodeInfo.KubeletVersion = node.KubeletVersion
		object.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}
	})
}

func (k *fakeNodes) SetDown(ctx context.Context, name string) error {
	err := k.set(ctx, name, func(object *corev1.Node) {
		object.Status.Conditions = []corev1.NodeCondition{{
			Type: corev1.NodeReady, Status: corev1.ConditionUnknown, Reason: "NodeStatusUnknown", Message: "Kubelet stopped posting node status.",
		}}
	})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

func (k *fakeNodes) set(ctx context.Context, name string, change func(*corev1.Node)) error {
	object, err := k.client.CoreV1().Nodes().Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	change(object)
	_, err = k.client.CoreV1().Nodes().Update(ctx, object, metav1.UpdateOptions{})
	return err
}
