// SPDX-License-Identifier: Apache-2.0

// Package operatorsim simulates the operators behind tenants' services, where none runs: nothing behind what it says is real. It
// watches their objects and sets their status late, in disorder, or as failing, with "Simulated" as the reason; gives load balancers
// an address; and answers as an ingress does, over TLS (Site).
//
// It refuses to know what becomes of a status: who reads it is tested with it.
//
// Still missing: objects other than those of Kinds, and what operators make of them beside a status and a certificate.
package operatorsim

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/cache"
	watchtools "k8s.io/client-go/tools/watch"
)

// Simulation plays operators.
type Simulation struct {
	Client dynamic.Interface
	// Namespace is where it plays. Empty: everywhere.
	Namespace string
	// Delay is how long an operator takes for each step. Zero: it is done at once.
	Delay time.Duration
	// Slow is what operators take beyond Delay for each step, by kind: some are done long before others. Nil: all are as fast.
	Slow map[string]time.Duration
	// Disorder makes operators say that an object is ready as it was before it changed, and take back once that it is.
	Disorder bool
	// Failing are kinds whose objects never become ready, and what their operator says. Nil: none.
	Failing map[string]string
	// Certificate is what a Certificate gets for its Secret, as PEM, without a key. Empty: its Secret is not made.
	Certificate []byte
	// Address is what Services of type LoadBalancer get. Empty: none gets one.
	Address string
	// Kinds are what is played. Nil: Kinds().
	Kinds []Kind
}

// Run plays until ctx ends, which is no error. A kind that is not served is waited for.
func (s Simulation) Run(ctx context.Context) error {
	kinds := s.Kinds
	if kinds == nil {
		kinds = Kinds()
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		running sync.WaitGroup
		lock    sync.Mutex
		errs    []error
	)
	for _, kind := range kinds {
		running.Go(func() {
			if err := s.play(ctx, kind); err != nil && ctx.Err() == nil {
				lock.Lock()
				errs = append(errs, fmt.Errorf("play the operator of %s: %w", kind.Name, err))
				lock.Unlock()
				cancel()
			}
		})
	}
	running.Wait()
	return errors.Join(errs...)
}

// play is the operator of one kind. It works on one object at a time, as many do.
func (s Simulation) play(ctx context.Context, kind Kind) error {
	in := s.Client.Resource(kind.Resource).Namespace(s.Namespace)
	list := cache.ToListWatcherWithWatchListSemantics(&cache.ListWatch{
		ListFunc:  func(o metav1.ListOptions) (runtime.Object, error) { return in.List(ctx, o) },
		WatchFunc: func(o metav1.ListOptions) (watch.Interface, error) { return in.Watch(ctx, o) },
	}, s.Client)
	done := map[types.UID]int64{} // the generation that was worked on
	_, err := watchtools.UntilWithSync(ctx, list, &unstructured.Unstructured{}, nil, func(event watch.Event) (bool, error) {
		object, is := event.Object.(*unstructured.Unstructured)
		if !is || event.Type == watch.Deleted {
			return false, nil
		}
		if generation, seen := done[object.GetUID()]; seen && generation == object.GetGeneration() {
			return false, nil
		}
		done[object.GetUID()] = object.GetGeneration()
		return false, s.work(ctx, kind, object)
	})
	return err
}

// work sets an object's status step by step: first what is not ready, then, unless the operator fails, what is.
func (s Simulation) work(ctx context.Context, kind Kind, object *unstructured.Unstructured) error {
	steps := s.steps(kind, object)
	for i, status := range steps {
		if err := pause(ctx, s.Delay+s.Slow[kind.Name]); err != nil {
			return err
		}
		if _, isFailing := s.Failing[kind.Name]; kind.Name == certificate && !isFailing && i == len(steps)-1 {
			if err := s.issue(ctx, object); err != nil {
				return err
			}
		}
		patch, err := json.Marshal(map[string]any{"status": status})
		if err != nil {
			return err
		}
		_, err = s.Client.Resource(kind.Resource).Namespace(object.GetNamespace()).
			Patch(ctx, object.GetName(), types.MergePatchType, patch, metav1.PatchOptions{FieldManager: manager}, "status")
		if err != nil && !apierrors.IsNotFound(err) {
			return err
		}
	}
	return nil
}

// steps are what is said of an object, one after the other.
func (s Simulation) steps(kind Kind, object *unstructured.Unstructured) []map[string]any {
	if kind.Name == service {
		if kindOf, _, _ := unstructured.NestedString(object.Object, "spec", "type"); s.Address == "" || kindOf != "LoadBalancer" {
			return nil
		}
		return []map[string]any{{"loadBalancer": map[string]any{"ingress": []any{map[string]any{"ip": s.Address}}}}}
	}
	generation := object.GetGeneration()
	steps := []map[string]any{kind.Unready("it begins")}
	if s.Disorder && kind.tells() {
		steps = append([]map[string]any{kind.Ready(generation - 1)}, steps...)
	}
	switch why, isFailing := s.Failing[kind.Name]; {
	case isFailing && kind.Failed != nil:
		return append(steps, kind.Failed(generation, why))
	case isFailing:
		return append(steps, kind.Unready(why))
	case s.Disorder:
		steps = append(steps, kind.Ready(generation), kind.Unready("it starts again"))
	}
	return append(steps, kind.Ready(generation))
}

// issue makes the Secret that a Certificate asks for, and has the certificate in it.
func (s Simulation) issue(ctx context.Context, of *unstructured.Unstructured) error {
	name, _, _ := unstructured.NestedString(of.Object, "spec", "secretName")
	if len(s.Certificate) == 0 || name == "" {
		return nil
	}
	secret := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": name, "namespace": of.GetNamespace()},
		"data": map[string]any{"tls.crt": base64.StdEncoding.EncodeToString(s.Certificate)},
	}}
	_, err := s.Client.Resource(schema.GroupVersionResource{Version: "v1", Resource: "secrets"}).Namespace(of.GetNamespace()).
		Apply(ctx, name, secret, metav1.ApplyOptions{FieldManager: manager, Force: true})
	return err
}

// manager is the owner of all that is written.
const manager = "simulated-operator"

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
