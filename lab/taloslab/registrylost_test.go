// SPDX-License-Identifier: Apache-2.0

package taloslab_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/cozystack/cozy-install/bootstrap"
	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/bundles"
	"github.com/cozystack/cozy-install/bundles/archive"
	"github.com/cozystack/cozy-install/lab/taloslab"
	"github.com/cozystack/cozy-install/manifests"
)

const controllerNamespace = "cozy-system"

// losesTheRegistry runs the real controller from the bastion's registry, stops the registry and moves the controller to a node
// that has not its image. status must say what is wrong. With the registry back the controller runs there.
func losesTheRegistry(t *testing.T, made testSite, client kubernetes.Interface, registry *bundleServe) {
	t.Helper()
	image, err := archive.BuildController(t.Context(), archive.ControllerBinaries{Dir: filepath.Dir(made.file), Version: "dev"})
	require.NoError(t, err)
	installController(t, made, client, image.Reference())
	first := controllerRuns(t, client, image.Digest.String())
	require.Equal(t, bootstrap.CheckOK, registryCheck(t, made).State)

	registry.stop(t)
	cordon := []byte(`{"spec": {"unschedulable": true}}`)
	_, err = client.CoreV1().Nodes().Patch(t.Context(), first.Spec.NodeName, types.MergePatchType, cordon, metav1.PatchOptions{})
	require.NoError(t, err)
	require.NoError(t, client.CoreV1().Pods(controllerNamespace).Delete(t.Context(), first.Name, metav1.DeleteOptions{}))
	moved := controllerWaits(t, client, first.Name)
	require.NotEqual(t, first.Spec.NodeName, moved.Spec.NodeName)
	lost := registryCheck(t, made)
	require.Equal(t, bootstrap.CheckFailed, lost.State)
	require.Equal(t, fmt.Sprintf("%s does not answer, and 1 pods wait for images, such as %s/%s on %s for %s; run cozy-install bundle serve there",
		bastionRegistry, controllerNamespace, moved.Name, moved.Spec.NodeName, image.Reference()), lost.Reason)

	registry.start(t)
	again := controllerRuns(t, client, image.Digest.String())
	require.Equal(t, moved.Name, again.Name, "the same pod, which nobody touched")
	require.Equal(t, bootstrap.CheckOK, registryCheck(t, made).State)
}

// installController applies what the controller's own chart renders for this site, as the phase core does by Helm.
func installController(t *testing.T, made testSite, client kubernetes.Interface, image string) {
	t.Helper()
	charts, err := manifests.NewRepository(manifests.Charts())
	require.NoError(t, err)
	plan, err := bootstrap.ResolveBundle(made.loaded, image)
	require.NoError(t, err)
	i := slices.IndexFunc(plan.Packages, func(p bundles.Package) bool { return p.Name == "cozy-controller" })
	packed, err := charts.Archive(plan.Packages[i].Chart.Embedded)
	require.NoError(t, err)
	objects, err := bundles.Render(t.Context(), plan.Packages[i], packed, taloslab.KubernetesVersion)
	require.NoError(t, err)
	_, err = client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: controllerNamespace, Labels: map[string]string{"pod-security.kubernetes.io/enforce": "privileged"},
	}}, metav1.CreateOptions{})
	require.NoError(t, err)

	config, err := clientcmd.BuildConfigFromFlags("", filepath.Join(made.workDir, workdir.KubeconfigFile))
	require.NoError(t, err)
	objectsOf, err := dynamic.NewForConfig(config)
	require.NoError(t, err)
	resources, err := restmapper.GetAPIGroupResources(client.Discovery())
	require.NoError(t, err)
	mapper := restmapper.NewDiscoveryRESTMapper(resources)
	for _, object := range objects {
		mapping, err := mapper.RESTMapping(object.GroupVersionKind().GroupKind(), object.GroupVersionKind().Version)
		require.NoError(t, err)
		to := dynamic.ResourceInterface(objectsOf.Resource(mapping.Resource))
		if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
			to = objectsOf.Resource(mapping.Resource).Namespace(controllerNamespace)
		}
		_, err = to.Create(t.Context(), object, metav1.CreateOptions{})
		require.NoError(t, err, object.GetName())
	}
}

// controllerRuns waits until the one pod of the controller is Ready, with the image of that digest.
func controllerRuns(t *testing.T, client kubernetes.Interface, digest string) (running corev1.Pod) {
	t.Helper()
	until(t, 3*time.Minute, "the controller to be ready", func(ctx context.Context) error {
		pods, err := controllerPods(ctx, client)
		if err != nil {
			return err
		}
		if len(pods) != 1 || len(pods[0].Status.ContainerStatuses) != 1 || !pods[0].Status.ContainerStatuses[0].Ready {
			return fmt.Errorf("its pods: %+v", statusOf(pods))
		}
		running = pods[0]
		return nil
	})
	require.Contains(t, running.Status.ContainerStatuses[0].ImageID, digest)
	return running
}

// controllerWaits waits until kubelet says of the controller's next pod that it can't pull the image.
func controllerWaits(t *testing.T, client kubernetes.Interface, former string) (waiting corev1.Pod) {
	t.Helper()
	until(t, 2*time.Minute, "kubelet to miss the controller's image", func(ctx context.Context) error {
		pods, err := controllerPods(ctx, client)
		if err != nil {
			return err
		}
		for _, pod := range pods {
			if pod.Name == former || len(pod.Status.ContainerStatuses) != 1 || pod.Status.ContainerStatuses[0].State.Waiting == nil {
				continue
			}
			if reason := pod.Status.ContainerStatuses[0].State.Waiting.Reason; reason == "ErrImagePull" || reason == "ImagePullBackOff" {
				t.Logf("%s: %s", reason, pod.Status.ContainerStatuses[0].State.Waiting.Message)
				waiting = pod
				return nil
			}
		}
		return fmt.Errorf("its pods: %+v", statusOf(pods))
	})
	return waiting
}

func controllerPods(ctx context.Context, client kubernetes.Interface) ([]corev1.Pod, error) {
	list, err := client.CoreV1().Pods(controllerNamespace).List(ctx, metav1.ListOptions{LabelSelector: "app.kubernetes.io/name=cozy-controller"})
	return list.Items, err
}

func statusOf(pods []corev1.Pod) (out []corev1.PodStatus) {
	for _, pod := range pods {
		out = append(out, pod.Status)
	}
	return out
}

// registryCheck is what `cozy-install status` says of the bastion's registry. The site as a whole is not finished.
func registryCheck(t *testing.T, made testSite) bootstrap.CheckResult {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	status := exec.CommandContext(ctx, productBinary(t, made), "status", "--file", made.file, "--work-dir", made.workDir, "-o", "json")
	var answer, said bytes.Buffer
	status.Stdout, status.Stderr = &answer, &said
	_ = status.Run() // it is not healthy
	var told bootstrap.Status
	require.NoError(t, json.Unmarshal(answer.Bytes(), &told), "%s%s", &answer, &said)
	i := slices.IndexFunc(told.Checks, func(c bootstrap.CheckResult) bool { return c.Check == "registry" })
	require.GreaterOrEqual(t, i, 0, "%s", &answer)
	return told.Checks[i]
}
