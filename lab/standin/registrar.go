// SPDX-License-Identifier: Apache-2.0

package standin

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/cozystack/cozy-install/manifests"
)

// Registrar plays the programs that register their kinds when they run: once a stand-in's Deployment is available, the CRDs
// its annotation names appear, after Delay.
type Registrar struct {
	Config *rest.Config
	Own    *manifests.Repository
	Delay  time.Duration // zero: at once
	Log    *slog.Logger  // nil: nothing is logged
}

// lookInterval is how often the Registrar looks for Deployments that became available.
const lookInterval = 200 * time.Millisecond

// Run plays until ctx ends.
func (r Registrar) Run(ctx context.Context) error {
	client, err := kubernetes.NewForConfig(r.Config)
	if err != nil {
		return err
	}
	objects, err := dynamic.NewForConfig(r.Config)
	if err != nil {
		return err
	}
	kinds, err := kindsOf(r.Own)
	if err != nil {
		return err
	}
	due := map[string]time.Time{} // CRD -> when it appears
	err = wait.PollUntilContextCancel(ctx, lookInterval, true, func(ctx context.Context) (bool, error) {
		list, err := client.AppsV1().Deployments("").List(ctx, metav1.ListOptions{LabelSelector: Label})
		if err != nil {
			r.log().Debug("looking for stand-ins", "error", err) // an API server that restarts
			return false, nil
		}
		daemons, err := client.AppsV1().DaemonSets("").List(ctx, metav1.ListOptions{LabelSelector: Label})
		if err != nil {
			r.log().Debug("looking for stand-ins", "error", err)
			return false, nil
		}
		for _, crds := range registered(list.Items, daemons.Items) {
			for _, crd := range crds {
				if at, known := due[crd]; !known {
					due[crd] = time.Now().Add(r.Delay)
				} else if !at.IsZero() && time.Now().After(at) {
					if err := register(ctx, objects, kinds.definition(crd)); err != nil {
						r.log().Debug("registering", "crd", crd, "error", err)
						continue
					}
					due[crd] = time.Time{} // done
				}
			}
		}
		return false, nil
	})
	if err != nil && ctx.Err() == nil {
		return err
	}
	return nil
}

func (r Registrar) log() *slog.Logger {
	if r.Log != nil {
		return r.Log
	}
	return slog.New(slog.DiscardHandler)
}

// registered are the CRDs of programs that run by now.
func registered(deployments []appsv1.Deployment, daemons []appsv1.DaemonSet) (out [][]string) {
	for _, d := range deployments {
		if names := d.Annotations[registers]; names != "" && d.Status.AvailableReplicas > 0 {
			out = append(out, strings.Split(names, ","))
		}
	}
	for _, d := range daemons {
		if names := d.Annotations[registers]; names != "" && d.Status.NumberAvailable > 0 {
			out = append(out, strings.Split(names, ","))
		}
	}
	return out
}

func register(ctx context.Context, client dynamic.Interface, definition map[string]any) error {
	crds := schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
	object := &unstructured.Unstructured{Object: definition}
	_, err := client.Resource(crds).Create(ctx, object, metav1.CreateOptions{FieldManager: "lab-stand-in"})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("create CRD %s: %w", object.GetName(), err)
	}
	return nil
}
