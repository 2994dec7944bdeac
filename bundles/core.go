// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"fmt"
	"log/slog"

	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

// Core installs a plan's core from here, one package after the other: until it is there, the cluster can't pull charts,
// nor reconcile releases, by itself.
type Core struct {
	clients

	helm    *Helm
	shelf   *Shelf
	inspect *inspector // nil: nothing is looked at closely
}

// NewCore makes a Core for the cluster of that config, with charts from shelf. A nil log drops the Helm SDK's messages.
func NewCore(config *rest.Config, shelf *Shelf, log *slog.Logger) (*Core, error) {
	made, err := newClients(config)
	if err != nil {
		return nil, err
	}
	helm := NewHelm(config, log)
	helm.crds = made.dynamic
	return &Core{
		clients: made, helm: helm, shelf: shelf, inspect: newInspector(config, made),
	}, nil
}

// Status tells the state of each package of the core, without changing anything.
func (c *Core) Status(ctx context.Context, plan *Plan) ([]PackageStatus, error) {
	var out []PackageStatus
	for _, p := range plan.Packages[:len(plan.Core)] {
		foreign, err := c.presence(ctx, p)
		if err != nil {
			return nil, err
		}
		if foreign.there {
			out = append(out, presentStatus(p, foreign))
			continue
		}
		found, err := c.helm.Status(ctx, p.Release, p.Namespace)
		if err != nil {
			return nil, err
		}
		status := PackageStatus{Name: p.Name, State: helmState(found.State), Message: found.Message}
		out = append(out, c.inspect.explain(ctx, p, status))
	}
	return out, nil
}

func helmState(state string) State {
	switch state {
	case "", "uninstalled":
		return StateAbsent
	case "deployed":
		return StateReady
	case "failed":
		return StateFailed
	case "uninstalling":
		return StateRemoving
	}
	return StateInstalling
}

func isEstablished(ctx context.Context, client dynamic.Interface, crd string) (bool, error) {
	var object *unstructured.Unstructured
	err := persist(ctx, func(ctx context.Context) (err error) {
		object, err = client.Resource(definitions()).Get(ctx, crd, metav1.GetOptions{})
		return err
	})
	if errors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read CRD %s: %w", crd, err)
	}
	conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	for _, one := range conditions {
		condition, _ := one.(map[string]any)
		if condition["type"] == "Established" && condition["status"] == "True" {
			return true, nil
		}
	}
	return false, nil
}
