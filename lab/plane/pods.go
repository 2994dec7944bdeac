// SPDX-License-Identifier: Apache-2.0

package plane

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// PodProgram is a local program that stands for the container of certain pods.
type PodProgram struct {
	Namespace string
	Selector  labels.Selector // of the pods' labels; nil selects nothing
	// Ports are names of ports that the program serves beside the named ports of the pod's containers.
	Ports []string
	// Command makes the command of one run of the program; it is called again for each restart. The plane sets Stdout, Stderr, Dir
	// and Env where they are nil or empty, and always SysProcAttr.
	Command func(PodEnv) *exec.Cmd
}

// PodEnv is what one pod offers to its program.
type PodEnv struct {
	Pod        *corev1.Pod       // a copy
	Kubeconfig string            // path; with a token of the pod's ServiceAccount, bound to the pod
	Addresses  map[string]string // loopback host:port to listen on, by port name; the same in each restart
	Dir        string            // working directory, made
	Mounts     map[string]string // directories with the ConfigMaps that the pod's first container mounts, by where it has them
	Env        []string          // environment: a private HOME and TMPDIR, and what the pod's first container sets by value or from fields
}

// RunPods runs the program for each pod that it is for, now and later, as long as the pod and the plane live, and again with a
// growing pause when it ends. The pod becomes Ready when its readiness probe answers (one without: when its ports accept
// connections), and Services that select it lead to the program in the service proxy.
func (p *Plane) RunPods(program PodProgram) error {
	if program.Namespace == "" || program.Selector == nil || program.Command == nil {
		return fmt.Errorf("run pods: a program needs a namespace, a selector and a command, got %+v", program)
	}
	k := p.kubelet
	k.mu.Lock()
	k.programs = append(k.programs, program)
	k.mu.Unlock()
	pods, err := k.pods.Pods(program.Namespace).List(program.Selector)
	if err != nil {
		return fmt.Errorf("run pods: %w", err)
	}
	for _, pod := range pods {
		k.podLoop.queue.Add(podKey(pod))
	}
	return nil
}

func (k *kubelet) programOf(pod *corev1.Pod) (PodProgram, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, program := range k.programs {
		if program.Namespace == pod.Namespace && program.Selector.Matches(labels.Set(pod.Labels)) {
			return program, true
		}
	}
	return PodProgram{}, false
}

// podEnv makes what the next run of the program needs, with a new token.
func (k *kubelet) podEnv(ctx context.Context, pod *corev1.Pod, addresses map[string]string) (PodEnv, error) {
	name := pod.Namespace + "-" + pod.Name
	config, err := k.podKubeconfig(ctx, pod)
	if err != nil {
		return PodEnv{}, fmt.Errorf("make a kubeconfig for pod %s: %w", podKey(pod), err)
	}
	path, err := k.plane.writeFile(filepath.Join("pods", name, "kubeconfig"), config)
	if err != nil {
		return PodEnv{}, err
	}
	mounts, err := k.podMounts(ctx, pod)
	if err != nil {
		return PodEnv{}, err
	}
	env, err := k.plane.environment(name, containerEnv(pod)...)
	return PodEnv{
		Pod: pod.DeepCopy(), Kubeconfig: path, Addresses: addresses, Dir: filepath.Dir(path), Mounts: mounts, Env: env,
	}, err
}

// podKubeconfig asks for a token as a kubelet does. It lives for a day, for nothing renews it in the file.
func (k *kubelet) podKubeconfig(ctx context.Context, pod *corev1.Pod) ([]byte, error) {
	life := int64((24 * time.Hour).Seconds())
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
		ExpirationSeconds: &life,
		BoundObjectRef:    &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "Pod", Name: pod.Name, UID: pod.UID},
	}}
	account := pod.Spec.ServiceAccountName
	answer, err := k.plane.client.CoreV1().ServiceAccounts(pod.Namespace).CreateToken(ctx, account, request, metav1.CreateOptions{})
	if err != nil {
		return nil, fmt.Errorf("ask for a token of ServiceAccount %s: %w", account, err)
	}
	return k.plane.pki.kubeconfigOf(account, k.plane.server, pod.Namespace, &clientcmdapi.AuthInfo{Token: answer.Status.Token})
}

// setReady says so in the status of a pod that KWOK has made Running.
func (k *kubelet) setReady(ctx context.Context, pod *corev1.Pod, ready bool) error {
	status := corev1.ConditionFalse
	if ready {
		status = corev1.ConditionTrue
	}
	patch := fmt.Appendf(nil, `{"status":{"conditions":[{"type":"Ready","status":%[1]q},{"type":"ContainersReady","status":%[1]q}]}}`, status)
	_, err := k.plane.client.CoreV1().Pods(pod.Namespace).Patch(ctx, pod.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
	return wrap(ignoreNotFound(err), "say that pod %s is ready: %v", podKey(pod), ready)
}

// podAddresses chooses a free loopback address for each named port of the pod and of its program.
func podAddresses(ctx context.Context, pod *corev1.Pod, extra []string) (map[string]string, error) {
	names := append([]string(nil), extra...)
	for _, container := range pod.Spec.Containers {
		for _, port := range container.Ports {
			if port.Name != "" {
				names = append(names, port.Name)
			}
		}
	}
	addresses := map[string]string{}
	for _, name := range names {
		address, err := FreeAddress(ctx)
		if err != nil {
			return nil, err
		}
		addresses[name] = address
	}
	return addresses, nil
}

// containerEnv is the part of the first container's environment that exists without a kubelet's files. The API's address is left
// out: the kubeconfig leads to it.
func containerEnv(pod *corev1.Pod) []string {
	fields := map[string]string{"metadata.name": pod.Name, "metadata.namespace": pod.Namespace, "spec.nodeName": pod.Spec.NodeName}
	var env []string
	for _, variable := range pod.Spec.Containers[0].Env {
		value := variable.Value
		if from := variable.ValueFrom; from != nil {
			if from.FieldRef == nil || fields[from.FieldRef.FieldPath] == "" {
				continue
			}
			value = fields[from.FieldRef.FieldPath]
		}
		if variable.Name != "KUBERNETES_SERVICE_HOST" && variable.Name != "KUBERNETES_SERVICE_PORT" {
			env = append(env, variable.Name+"="+value)
		}
	}
	return env
}
