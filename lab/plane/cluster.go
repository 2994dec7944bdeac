// SPDX-License-Identifier: Apache-2.0

package plane

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"

	"github.com/cozystack/cozy-install/bootstrap/wait"
)

// fieldManager owns what the lab applies.
const fieldManager = "lab"

// fluxNamespace is where Flux lives in a cluster. Its CRDs and Deployments have the labels of a real installation, by which
// "flux check" and others find it.
const fluxNamespace = "flux-system"

// prepareCluster makes what a real cluster has before anybody installs anything, and sees that the controllers work.
func (p *Plane) prepareCluster(ctx context.Context) error {
	class := &storagev1.StorageClass{
		ObjectMeta: metav1.ObjectMeta{
			Name: StorageClass, Annotations: map[string]string{"storageclass.kubernetes.io/is-default-class": "true"},
		},
		Provisioner: hostPathProvisioner,
	}
	if _, err := p.client.StorageV1().StorageClasses().Create(ctx, class, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("make the default storage class: %w", err)
	}
	if !p.cfg.WithoutFlux {
		if err := errors.Join(p.applyFluxCRDs(ctx), p.makeFluxDeployments(ctx)); err != nil {
			return err
		}
	}
	// The controller manager makes this account: it works, and pods can be created.
	return wait.Until(ctx, wait.Check{
		Title: "the default ServiceAccount", Interval: 50 * time.Millisecond, Timeout: startTimeout,
		Probe: func(ctx context.Context) error {
			_, err := p.client.CoreV1().ServiceAccounts("default").Get(ctx, "default", metav1.GetOptions{})
			return err
		},
	})
}

func (p *Plane) applyFluxCRDs(ctx context.Context) error {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: fluxNamespace, Labels: fluxLabels()}}
	if _, err := p.client.CoreV1().Namespaces().Create(ctx, namespace, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("make Flux's namespace: %w", err)
	}
	client, err := dynamic.NewForConfig(p.rest)
	if err != nil {
		return err
	}
	definitions := client.Resource(schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"})
	files, err := filepath.Glob(filepath.Join(p.cfg.Tools.FluxCRDs, "*.yaml"))
	if err != nil {
		return err
	}
	var names []string
	for _, file := range files {
		definition, err := readObject(file)
		if err != nil {
			return err
		}
		definition.SetLabels(fluxLabels())
		if _, err := definitions.Apply(ctx, definition.GetName(), definition, metav1.ApplyOptions{FieldManager: fieldManager, Force: true}); err != nil {
			return fmt.Errorf("apply %s: %w", file, err)
		}
		names = append(names, definition.GetName())
	}
	if len(names) == 0 {
		return fmt.Errorf("no CRDs of Flux in %q", p.cfg.Tools.FluxCRDs)
	}
	return wait.Until(ctx, wait.Check{
		Title: "Flux's CRDs", Interval: 50 * time.Millisecond, Timeout: startTimeout,
		Probe: func(ctx context.Context) error { return assertEstablished(ctx, definitions, names) },
	})
}

func assertEstablished(ctx context.Context, definitions dynamic.ResourceInterface, names []string) error {
	for _, name := range names {
		definition, err := definitions.Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		conditions, _, err := unstructured.NestedSlice(definition.Object, "status", "conditions")
		if err != nil {
			return err
		}
		established := false
		for _, condition := range conditions {
			fields, _ := condition.(map[string]any)
			established = established || fields["type"] == "Established" && fields["status"] == "True"
		}
		if !established {
			return fmt.Errorf("%s is not established", name)
		}
	}
	return nil
}

func fluxLabels() map[string]string {
	return map[string]string{"app.kubernetes.io/part-of": "flux", "app.kubernetes.io/instance": fluxNamespace}
}

func readObject(file string) (*unstructured.Unstructured, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	object := &unstructured.Unstructured{}
	if err := yaml.Unmarshal(data, &object.Object); err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	return object, nil
}
