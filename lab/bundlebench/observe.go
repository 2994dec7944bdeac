// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

var (
	helmReleases = schema.GroupVersionResource{Group: "helm.toolkit.fluxcd.io", Version: "v2", Resource: "helmreleases"}
	definitions  = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
)

// span is the own time of a release.
type span struct{ from, to time.Time }

func (s span) length() time.Duration { return s.to.Sub(s.from) }

// observer notes when HelmReleases are made and become ready for the first time, and when CRDs are made. It knows no more
// than anybody who watches the cluster.
type observer struct {
	lock     sync.Mutex
	releases map[string]span      // by name, which is the package's; a zero end: not ready
	crds     map[string]time.Time // by name
	operated map[string]time.Time // by package: when stand-ins of its operators were done
	state    map[string]string    // what a release that is not ready says
	changed  chan struct{}        // has room for one token
}

// observe returns when it watches; in the group it goes on until ctx ends.
func observe(ctx context.Context, group *errgroup.Group, config *rest.Config) (*observer, error) {
	objects, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}

	names, err := metadata.NewForConfig(config)
	if err != nil {
		return nil, err
	}

	o := &observer{releases: map[string]span{}, crds: map[string]time.Time{}, operated: map[string]time.Time{}, state: map[string]string{}, changed: make(chan struct{}, 1)}
	releases := dynamicinformer.NewFilteredDynamicInformer(objects, helmReleases, metav1.NamespaceAll, 0, cache.Indexers{}, nil).Informer()
	crds := metadatainformer.NewFilteredMetadataInformer(names, definitions, metav1.NamespaceAll, 0, cache.Indexers{}, nil).Informer()

	for informer, see := range map[cache.SharedIndexInformer]func(any){releases: o.seeRelease, crds: o.seeCRD} {
		if _, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc: see, UpdateFunc: func(_, object any) { see(object) },
		}); err != nil {
			return nil, err
		}

		group.Go(func() error {
			informer.RunWithContext(ctx)

			return nil
		})
	}

	if !cache.WaitForCacheSync(ctx.Done(), releases.HasSynced, crds.HasSynced) {
		return nil, fmt.Errorf("watch the plane: %w", context.Cause(ctx))
	}

	return o, nil
}

func (o *observer) seeCRD(object any) {
	o.lock.Lock()
	defer o.lock.Unlock()

	if name := object.(*metav1.PartialObjectMetadata).Name; o.crds[name].IsZero() {
		o.crds[name] = time.Now()
	}
}

// seeOperated takes when the stand-ins of a package's operators were done.
func (o *observer) seeOperated(name string) {
	o.lock.Lock()
	defer o.lock.Unlock()

	o.operated[name] = time.Now()
}

func (o *observer) seeRelease(object any) {
	now, release := time.Now(), object.(*unstructured.Unstructured)

	o.lock.Lock()
	defer o.lock.Unlock()

	name := release.GetName()
	seen := o.releases[name]

	if seen.from.IsZero() {
		seen.from = now
	}

	isReady, says := readiness(release)
	o.state[name] = says

	if isReady && seen.to.IsZero() {
		seen.to = now
	}

	o.releases[name] = seen

	select {
	case o.changed <- struct{}{}:
	default: // a token is there already
	}
}

func readiness(release *unstructured.Unstructured) (bool, string) {
	conditions, _, _ := unstructured.NestedSlice(release.Object, "status", "conditions")
	for _, one := range conditions {
		condition, _ := one.(map[string]any)
		if condition["type"] == "Ready" {
			return condition["status"] == "True" && condition["observedGeneration"] == release.GetGeneration(), fmt.Sprint(condition["message"])
		}
	}

	return false, "nothing"
}

// await waits until so many releases are ready.
func (o *observer) await(ctx context.Context, count int) error {
	for {
		var unready []string

		o.lock.Lock()
		ready := 0

		for name, one := range o.releases {
			if one.to.IsZero() {
				unready = append(unready, name+" says: "+o.state[name])
			} else {
				ready++
			}
		}
		o.lock.Unlock()

		if ready >= count {
			return nil
		}

		select {
		case <-o.changed:
		case <-ctx.Done():
			return fmt.Errorf("%d of %d releases are ready: %w\n%s", ready, count, context.Cause(ctx), strings.Join(unready, "\n"))
		}
	}
}

// seen is what was noted by now.
func (o *observer) seen() (releases map[string]span, crds, operated map[string]time.Time) {
	o.lock.Lock()
	defer o.lock.Unlock()

	releases, crds, operated = map[string]span{}, map[string]time.Time{}, map[string]time.Time{}

	for name, one := range o.releases {
		releases[name] = one
	}

	for name, at := range o.crds {
		crds[name] = at
	}

	for name, at := range o.operated {
		operated[name] = at
	}

	return releases, crds, operated
}
