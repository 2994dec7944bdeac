// SPDX-License-Identifier: Apache-2.0

package talosim

import (
	"context"
	"strings"

	"github.com/cosi-project/runtime/pkg/safe"
	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/config"
	"github.com/siderolabs/talos/pkg/machinery/resources/k8s"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// now is the config of a configured boot, as it was changed last.
func (o *osRun) now() config.Provider {
	o.mu.Lock()
	defer o.mu.Unlock()

	return o.present
}

// reconfigure has a running node carry out a changed config, as far as it can without a reboot: the images of
// Kubernetes's components.
func (o *osRun) reconfigure(provider config.Provider) {
	o.mu.Lock()
	o.present = provider
	o.mu.Unlock()

	select {
	case o.changed <- struct{}{}:
	default: // it has not looked since the last change
	}
}

// followConfig restarts what a changed config gives another image, until the services end.
func (c *configured) followConfig(ctx context.Context) error {
	kubelet := c.provider.Machine().Kubelet().Image()

	for {
		select {
		case <-c.changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}

		if err := c.changePods(ctx); err != nil {
			return err
		}

		wanted := c.now().Machine().Kubelet().Image()
		if wanted == kubelet || !c.runs(serviceKubelet) {
			continue // a kubelet that starts later reads the new config
		}

		kubelet = wanted
		if err := c.restartKubelet(ctx); err != nil {
			return err
		}
	}
}

func (c *configured) restartKubelet(ctx context.Context) error {
	if err := c.setService(ctx, serviceKubelet, statePreparing, "Running pre state"); err != nil {
		return err
	}

	if err := c.Clock.Wait(ctx, c.Timing.Kubelet); err != nil {
		return err
	}

	if c.Kubernetes != nil {
		if err := c.register(ctx); err != nil {
			return err
		}
	}

	return c.setService(ctx, serviceKubelet, stateRunning, "Health check successful")
}

func (o *osRun) runs(id string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()

	for _, s := range o.services {
		if s.id == id {
			return s.state == stateRunning
		}
	}

	return false
}

// publishControlPlane shows the static pods, and what Talos furnishes a new cluster with, of which only the smallest is
// simulated.
func (c *configured) publishControlPlane(ctx context.Context) error {
	manifest := k8s.NewManifest(k8s.ControlPlaneNamespaceName, "11-kubeconfig-in-cluster")
	manifest.TypedSpec().Items = []k8s.SingleManifest{{Object: map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap",
		"metadata": map[string]any{"name": "kubeconfig-in-cluster", "namespace": "kube-system"},
		"data":     map[string]any{"kubeconfig": "server: " + c.provider.Cluster().Endpoint().String()},
	}}}

	if err := c.resources.Create(ctx, manifest); err != nil {
		return err
	}

	for name, image := range c.podImages() {
		if err := c.setPod(ctx, name, image, true); err != nil {
			return err
		}
	}

	return nil
}

func (c *configured) podImages() map[string]string {
	cluster := c.now().Cluster()

	return map[string]string{
		"kube-apiserver":          cluster.APIServer().Image(),
		"kube-controller-manager": cluster.ControllerManager().Image(),
		"kube-scheduler":          cluster.Scheduler().Image(),
	}
}

// changePods replaces the static pods whose image changed. Before the control plane is up there are none.
func (c *configured) changePods(ctx context.Context) error {
	if !c.self.controlPlane {
		return nil
	}

	for name, image := range c.podImages() {
		shown, err := safe.StateGetByID[*k8s.StaticPodStatus](ctx, c.resources, c.podID(name))
		if err != nil || shownImage(shown.TypedSpec().PodStatus) == image {
			continue
		}

		if err := c.setPod(ctx, name, shownImage(shown.TypedSpec().PodStatus), false); err != nil {
			return err
		}

		if err := c.Clock.Wait(ctx, c.Timing.StaticPod); err != nil {
			return err
		}

		c.report("static-pod", map[string]string{"component": name, "version": imageTag(image)})

		if err := c.setPod(ctx, name, image, true); err != nil {
			return err
		}
	}

	return nil
}

func (c *configured) podID(name string) string { return "kube-system/" + name + "-" + c.name }

func (c *configured) setPod(ctx context.Context, name, image string, ready bool) error {
	word := map[bool]string{true: "True", false: "False"}[ready]

	return safe.StateModify(ctx, c.resources, k8s.NewStaticPodStatus(k8s.NamespaceName, c.podID(name)), func(r *k8s.StaticPodStatus) error {
		r.TypedSpec().PodStatus = map[string]any{
			"phase":             "Running",
			"conditions":        []any{map[string]any{"type": "Ready", "status": word}},
			"containerStatuses": []any{map[string]any{"name": name, "image": image, "ready": ready}},
		}

		return nil
	})
}

func shownImage(podStatus map[string]any) string {
	containers, _ := podStatus["containerStatuses"].([]any)
	if len(containers) == 0 {
		return ""
	}

	container, _ := containers[0].(map[string]any)
	image, _ := container["image"].(string)

	return image
}

// ImagePull implements the machine API. Everything is there already, but for what is no image.
func (a *api) ImagePull(_ context.Context, in *machine.ImagePullRequest) (*machine.ImagePullResponse, error) {
	if imageTag(in.GetReference()) == "" || strings.ContainsAny(in.GetReference(), " \t") {
		return nil, status.Errorf(codes.NotFound, "failed to resolve image: %q", in.GetReference())
	}

	a.report("image-pull", map[string]string{"image": in.GetReference()})

	return &machine.ImagePullResponse{Messages: []*machine.ImagePull{{}}}, nil
}
