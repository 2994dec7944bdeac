// SPDX-License-Identifier: Apache-2.0

package plane

import (
	"context"
	"fmt"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
)

// startedAnnotation is "true" on a pod that the simulated kubelet has started; KWOK then makes it Running.
const startedAnnotation = "lab.cozystack.io/started"

// A pod with this label makes its node's network ready once it runs.
const (
	componentLabel = "app.kubernetes.io/component"
	cniComponent   = "cni"
)

const byNode = "node"

// kubelet plays the decisions of all nodes' kubelets that KWOK cannot, since it looks at one object at a time: a node is
// Ready when a CNI runs on it, a pod outside the host's network waits for that, and a pod with a program is started by
// running the program.
type kubelet struct {
	plane    *Plane
	pods     corelisters.PodLister
	onNode   cache.Indexer
	nodes    corelisters.NodeLister
	services corelisters.ServiceLister
	podLoop  *loop // keys: namespace/name
	nodeLoop *loop // keys: node names

	mu       sync.Mutex
	programs []PodProgram
	runners  map[string]*runner // by namespace/name of the pod
	group    sync.WaitGroup     // of the runners
}

func newKubelet(p *Plane, factory informers.SharedInformerFactory) (*kubelet, error) {
	core := factory.Core().V1()
	pods, nodes := core.Pods().Informer(), core.Nodes().Informer()
	k := &kubelet{
		plane: p, pods: core.Pods().Lister(), onNode: pods.GetIndexer(), nodes: core.Nodes().Lister(), services: core.Services().Lister(),
		runners: map[string]*runner{},
	}
	k.podLoop = newLoop("simulated kubelet's pods", p.log, k.syncPod)
	k.nodeLoop = newLoop("simulated kubelet's nodes", p.log, k.syncNode)
	core.Services().Informer() // asked for, so that the factory starts it
	if err := pods.AddIndexers(cache.Indexers{byNode: func(object any) ([]string, error) {
		return []string{object.(*corev1.Pod).Spec.NodeName}, nil
	}}); err != nil {
		return nil, fmt.Errorf("index pods by node: %w", err)
	}
	for _, err := range []error{
		k.podLoop.on(pods, func(object any) []string { return []string{podKey(object.(*corev1.Pod))} }),
		k.podLoop.on(nodes, func(object any) []string { return k.podsOn(object.(*corev1.Node).Name) }),
		k.nodeLoop.on(nodes, func(object any) []string { return []string{object.(*corev1.Node).Name} }),
		k.nodeLoop.on(pods, func(object any) []string {
			if pod := object.(*corev1.Pod); pod.Spec.NodeName != "" && isCNI(pod) {
				return []string{pod.Spec.NodeName}
			}
			return nil
		}),
	} {
		if err != nil {
			return nil, err
		}
	}
	return k, nil
}

// run plays until ctx ends and the last program of a pod has ended.
func (k *kubelet) run(ctx context.Context) {
	var loops sync.WaitGroup
	loops.Go(func() { k.nodeLoop.run(ctx, 2) })
	loops.Go(func() { k.podLoop.run(ctx, 4) })
	loops.Wait()
	k.group.Wait()
}

// syncNode marks a node on which a CNI's pod runs. The mark stays when the pod goes, as a CNI's configuration does.
func (k *kubelet) syncNode(ctx context.Context, name string) error {
	node, err := k.nodes.Get(name)
	if apierrors.IsNotFound(err) || err == nil && networkReady(node) {
		return nil
	}
	if err != nil {
		return err
	}
	pods, err := k.onNode.ByIndex(byNode, name)
	if err != nil {
		return err
	}
	for _, object := range pods {
		pod := object.(*corev1.Pod)
		if isCNI(pod) && pod.Status.Phase == corev1.PodRunning {
			patch := annotate(cniReadyAnnotation)
			_, err := k.plane.client.CoreV1().Nodes().Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{})
			return wrap(ignoreNotFound(err), "mark node %s: its network is ready", name)
		}
	}
	return nil
}

// syncPod starts a pod whose node can run it, and ends the program of one that is over.
func (k *kubelet) syncPod(ctx context.Context, key string) error {
	namespace, name, err := cache.SplitMetaNamespaceKey(key)
	if err != nil {
		return err
	}
	pod, err := k.pods.Pods(namespace).Get(name)
	switch {
	case apierrors.IsNotFound(err):
		k.stopRunner(key, "")
		return nil
	case err != nil:
		return err
	case pod.DeletionTimestamp != nil, pod.Status.Phase == corev1.PodSucceeded, pod.Status.Phase == corev1.PodFailed:
		k.stopRunner(key, "")
		return nil
	}
	k.stopRunner(key, pod.UID) // of a former pod of that name
	if !k.canRun(pod) {
		return nil
	}
	if program, ok := k.programOf(pod); ok {
		return k.startRunner(ctx, pod, program)
	}
	return k.markStarted(ctx, pod)
}

// canRun says whether the pod's node has what the pod needs. A pod that has been started is never taken back.
func (k *kubelet) canRun(pod *corev1.Pod) bool {
	if pod.Spec.NodeName == "" {
		return false
	}
	if pod.Spec.HostNetwork {
		return true
	}
	node, err := k.nodes.Get(pod.Spec.NodeName)
	return err == nil && networkReady(node)
}

func (k *kubelet) markStarted(ctx context.Context, pod *corev1.Pod) error {
	if pod.Annotations[startedAnnotation] == "true" {
		return nil
	}
	_, err := k.plane.client.CoreV1().Pods(pod.Namespace).Patch(ctx, pod.Name, types.MergePatchType, annotate(startedAnnotation), metav1.PatchOptions{})
	return wrap(ignoreNotFound(err), "mark pod %s: it is started", podKey(pod))
}

func (k *kubelet) podsOn(node string) []string {
	keys, err := k.onNode.IndexKeys(byNode, node)
	if err != nil {
		return nil // only for an index that does not exist
	}
	return keys
}

func isCNI(pod *corev1.Pod) bool {
	return pod.Labels[componentLabel] == cniComponent
}

func networkReady(node *corev1.Node) bool { return node.Annotations[cniReadyAnnotation] == "true" }

func podKey(pod *corev1.Pod) string { return pod.Namespace + "/" + pod.Name }

func annotate(name string) []byte {
	return fmt.Appendf(nil, `{"metadata":{"annotations":{%q:"true"}}}`, name)
}

func ignoreNotFound(err error) error {
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}
