// SPDX-License-Identifier: Apache-2.0

package operatorsim

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	clienttesting "k8s.io/client-go/testing"
)

const (
	etcdClusters = "etcdclusters"
	vmClusters   = "vmclusters"
)

// heard are the patches of statuses, in their order, and when they came.
type heard struct {
	*dynamicfake.FakeDynamicClient

	mu    sync.Mutex
	texts []string
	times []time.Time
}

// played are the kinds that these tests play.
func played() []Kind {
	var out []Kind
	for _, kind := range Kinds() {
		if r := kind.Resource.Resource; r == etcdClusters || r == vmClusters || r == "services" || r == "certificates" {
			out = append(out, kind)
		}
	}
	return out
}

func newHeard(t *testing.T, objects ...runtime.Object) *heard {
	t.Helper()
	lists := map[schema.GroupVersionResource]string{{Version: "v1", Resource: "secrets"}: "SecretList"}
	for _, kind := range played() {
		lists[kind.Resource] = kind.Name + "List"
	}
	out := &heard{FakeDynamicClient: dynamicfake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), lists, objects...)}
	out.PrependReactor("patch", "*", func(action clienttesting.Action) (bool, runtime.Object, error) {
		patch := action.(clienttesting.PatchAction) //nolint:forcetypeassert // of that verb
		out.mu.Lock()
		defer out.mu.Unlock()
		text := patch.GetResource().Resource + "/" + patch.GetSubresource() + " " + patch.GetName() + " " + string(patch.GetPatch())
		out.texts, out.times = append(out.texts, text), append(out.times, time.Now())
		applied := patch.GetPatchType() == types.ApplyPatchType // which the fakes can't do to what is not there
		return applied, &unstructured.Unstructured{Object: map[string]any{}}, nil
	})
	return out
}

func object(kind, apiVersion, name string, generation int64, spec map[string]any) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": apiVersion, "kind": kind, "spec": spec,
		"metadata": map[string]any{"name": name, "namespace": "a", "uid": kind + name, "generation": generation},
	}}
}

func etcd() *unstructured.Unstructured {
	return object("EtcdCluster", "etcd-operator.cozystack.io/v1alpha2", "etcd", 4, nil)
}

func metrics() *unstructured.Unstructured {
	return object("VMCluster", "operator.victoriametrics.com/v1beta1", "short", 4, nil)
}

// play runs until that many patches were heard, and gives them.
func (h *heard) play(t *testing.T, s Simulation, until int) []string {
	t.Helper()
	s.Client, s.Kinds = h, played()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	require.Eventually(t, func() bool { return len(h.all()) >= until }, 20*time.Second, 5*time.Millisecond, "%v", h.all())
	cancel()
	require.NoError(t, <-ended, "its end is no failure")
	return h.all()
}

func (h *heard) all() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]string(nil), h.texts...)
}

func TestOperatorsAreLate(t *testing.T) {
	h, start := newHeard(t, etcd()), time.Now()
	texts := h.play(t, Simulation{Delay: 150 * time.Millisecond, Slow: map[string]time.Duration{"EtcdCluster": 100 * time.Millisecond}}, 2)
	require.Len(t, texts, 2)
	require.Contains(t, texts[0], `etcdclusters/status etcd `)
	require.Contains(t, texts[0], `"status":"False"`)
	require.Contains(t, texts[1], `"observedGeneration":4`)
	require.Contains(t, texts[1], `"status":"True"`)
	require.GreaterOrEqual(t, h.times[0].Sub(start), 250*time.Millisecond)
	require.GreaterOrEqual(t, h.times[1].Sub(start), 500*time.Millisecond)
}

func TestOperatorsAreInDisorder(t *testing.T) {
	texts := newHeard(t, metrics()).play(t, Simulation{Disorder: true}, 5)
	require.Len(t, texts, 5)
	for i, want := range []string{
		`"observedGeneration":3`, `"expanding"`, `"observedGeneration":4`, `"expanding"`, `"observedGeneration":4`,
	} {
		require.Contains(t, texts[i], want, "%d", i)
	}
}

func TestTheFastIsDoneBeforeTheSlow(t *testing.T) {
	texts := newHeard(t, etcd(), metrics()).play(t, Simulation{Slow: map[string]time.Duration{"EtcdCluster": 300 * time.Millisecond}}, 4)
	require.Contains(t, texts[1], "vmclusters/status short")
	require.Contains(t, texts[3], "etcdclusters/status etcd")
}

func TestOperatorsFail(t *testing.T) {
	h := newHeard(t, etcd(), metrics())
	texts := h.play(t, Simulation{
		Slow: map[string]time.Duration{"EtcdCluster": 300 * time.Millisecond}, Failing: map[string]string{"VMCluster": "no disk"},
	}, 4)
	require.Contains(t, texts[1], `"reason":"no disk","updateStatus":"failed"`)
	require.Contains(t, texts[3], `"status":"True"`, "the others work")

	texts = newHeard(t, etcd()).play(t, Simulation{Failing: map[string]string{"EtcdCluster": "no volume"}}, 2)
	require.Contains(t, texts[1], `"message":"no volume"`)
	require.Contains(t, texts[1], `"status":"False"`)
}

func TestOperatorsWorkOnEachChangeOnce(t *testing.T) {
	h := newHeard(t, etcd())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- Simulation{Client: h, Kinds: played()}.Run(ctx) }()
	eventually := func(count int) {
		require.Eventually(t, func() bool { return len(h.all()) == count }, 20*time.Second, 5*time.Millisecond, "%v", h.all())
	}
	eventually(2)
	kind := played()[0]
	changed, err := h.Resource(kind.Resource).Namespace("a").Get(t.Context(), "etcd", metav1.GetOptions{})
	require.NoError(t, err)
	changed.SetGeneration(5)
	_, err = h.Resource(kind.Resource).Namespace("a").Update(t.Context(), changed, metav1.UpdateOptions{})
	require.NoError(t, err)
	eventually(4)
	require.Contains(t, h.all()[3], `"observedGeneration":5`)
	cancel()
	require.NoError(t, <-ended)
	require.Len(t, h.all(), 4, "its own words are no change")
}

func TestLoadBalancersGetAnAddressAndCertificatesASecret(t *testing.T) {
	balancer := object("Service", "v1", "ingress", 0, map[string]any{"type": "LoadBalancer"})
	inside := object("Service", "v1", "inside", 0, map[string]any{"type": "ClusterIP"})
	ordered := object("Certificate", "cert-manager.io/v1", "ingress", 1, map[string]any{"secretName": "ingress-tls"})
	texts := newHeard(t, balancer, inside, ordered).play(t, Simulation{Address: "192.0.2.9", Certificate: []byte("pem")}, 4)
	require.Len(t, texts, 4)
	all := fmt.Sprint(texts)
	require.Contains(t, all, `services/status ingress {"status":{"loadBalancer":{"ingress":[{"ip":"192.0.2.9"}]}}}`)
	require.NotContains(t, all, "inside")
	require.Contains(t, all, `secrets/ ingress-tls {"apiVersion":"v1","data":{"tls.crt":"cGVt"}`)
	require.Contains(t, all, `"type":"Ready"`)
}

func TestAKindThatIsNotThereYetIsWaitedFor(t *testing.T) {
	h := newHeard(t, metrics())
	var asked sync.Once
	h.PrependReactor("list", vmClusters, func(clienttesting.Action) (refused bool, _ runtime.Object, err error) {
		asked.Do(func() { refused, err = true, errors.New("the server could not find the requested resource") })
		return refused, nil, err
	})
	h.play(t, Simulation{}, 2)
}
