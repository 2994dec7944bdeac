// SPDX-License-Identifier: Apache-2.0

package standin

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"

	"github.com/cozystack/cozy-install/bundles"
	"github.com/cozystack/cozy-install/manifests"
)

// Registrar plays the programs that register their kinds when they run: once a stand-in's Deployment is available, the CRDs
// its annotation names appear, after Delay; and once a release of one of our own charts is deployed, whose objects make some
// other program register kinds, these do. It plays operators too: the objects that health conditions are about get the status
// that these want, Delay after they are there, with a reason that names it as simulated.
type Registrar struct {
	Config *rest.Config
	Plan   *bundles.Plan
	Own    *manifests.Repository
	Delay  time.Duration // zero: at once
	Log    *slog.Logger  // nil: nothing is logged
	// Stuck are packages whose operators are never done, and what these say. Nil: none.
	Stuck map[string]string
	// Operated is told when the operators of a package are done with all its objects, once for each. Nil: nobody is.
	Operated func(name string)
}

// lookInterval is how often the Registrar looks for what runs by now.
const lookInterval = 300 * time.Millisecond

// cluster is what a Registrar sees of it, and changes.
type cluster struct {
	workloads kubernetes.Interface
	objects   dynamic.Interface
	names     metadata.Interface
}

// Run plays until ctx ends.
func (r Registrar) Run(ctx context.Context) error {
	c, err := newCluster(r.Config)
	if err != nil {
		return err
	}
	kinds, err := kindsOf(ctx, r.Plan, r.Own)
	if err != nil {
		return err
	}
	operators := &operators{r, map[string]time.Time{}, map[string]bool{}}
	due := map[string]time.Time{} // CRD -> when it appears; zero: it has
	err = wait.PollUntilContextCancel(ctx, lookInterval, true, func(ctx context.Context) (bool, error) {
		if err := operators.operate(ctx, c); err != nil {
			r.log().Debug("playing operators", "error", err)
		}
		running, err := r.running(ctx, c)
		if err != nil {
			r.log().Debug("looking for stand-ins", "error", err) // an API server that restarts
			return false, nil
		}
		for _, crd := range running {
			if at, known := due[crd]; !known {
				due[crd] = time.Now().Add(r.Delay)
			} else if !at.IsZero() && time.Now().After(at) {
				if err := register(ctx, c.objects, kinds.definition(crd)); err != nil {
					r.log().Debug("registering", "crd", crd, "error", err)
					continue
				}
				due[crd] = time.Time{}
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

func newCluster(config *rest.Config) (*cluster, error) {
	workloads, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	objects, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	names, err := metadata.NewForConfig(config)
	return &cluster{workloads, objects, names}, err
}

// running are the CRDs of programs that run by now.
func (r Registrar) running(ctx context.Context, c *cluster) ([]string, error) {
	var out []string
	apps, ours := c.workloads.AppsV1(), metav1.ListOptions{LabelSelector: Label}
	deployments, err := apps.Deployments("").List(ctx, ours)
	if err != nil {
		return nil, err
	}
	for _, d := range deployments.Items {
		if names := d.Annotations[registers]; names != "" && d.Status.AvailableReplicas > 0 {
			out = append(out, strings.Split(names, ",")...)
		}
	}
	daemons, err := apps.DaemonSets("").List(ctx, ours)
	if err != nil {
		return nil, err
	}
	for _, d := range daemons.Items {
		if names := d.Annotations[registers]; names != "" && d.Status.NumberAvailable > 0 {
			out = append(out, strings.Split(names, ",")...)
		}
	}
	deployed, err := c.names.Resource(schema.GroupVersionResource{Version: "v1", Resource: "secrets"}).
		List(ctx, metav1.ListOptions{LabelSelector: "owner=helm,status=deployed"})
	if err != nil {
		return nil, err
	}
	for _, release := range deployed.Items {
		for _, p := range r.Plan.Packages {
			if p.Chart.Embedded != "" && p.Namespace == release.Namespace && p.Release == release.Labels["name"] {
				out = append(out, registeredBy(p)...)
			}
		}
	}
	return out, nil
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
