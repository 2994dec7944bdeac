// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// floorWriters is how many write at a time, as many as the controller's own workers.
const floorWriters = 8

// floor is how long the two writes that a change costs for each tenant take from somebody who does nothing else: a label of its
// namespace and a provider in its status, each another than before. The controller is stopped meanwhile, and would undo them after:
// nothing can be measured on the rig any more.
func (r *rig) floor(ctx context.Context, f forest) (took time.Duration, err error) {
	if err := syscall.Kill(r.pid, syscall.SIGSTOP); err != nil {
		return 0, fmt.Errorf("stop the controller: %w", err)
	}
	defer func() { err = errors.Join(err, syscall.Kill(r.pid, syscall.SIGCONT)) }()

	began := time.Now()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(floorWriters)

	for i := range f.size {
		group.Go(func() error { return r.tell(ctx, f.home(i), f.name(i)) })
	}

	err = group.Wait()

	return time.Since(began), err
}

func (r *rig) tell(ctx context.Context, home, name string) error {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: tenant.Namespace(home, name)}}
	label := fmt.Appendf(nil, `{"metadata": {"labels": {%q: "floor"}}}`, tenant.ServiceLabel+tenant.Etcd.String())

	if err := r.client.Patch(ctx, namespace, client.RawPatch(types.MergePatchType, label)); err != nil {
		return fmt.Errorf("label namespace %s: %w", namespace.Name, err)
	}

	one := &v1alpha1.Tenant{ObjectMeta: metav1.ObjectMeta{Namespace: home, Name: name}}
	status := fmt.Appendf(nil, `{"status": {"services": {%q: {"namespace": "floor"}}}}`, tenant.Etcd.String())

	if err := r.client.Status().Patch(ctx, one, client.RawPatch(types.MergePatchType, status)); err != nil {
		return fmt.Errorf("write the status of tenant %s in %s: %w", name, home, err)
	}

	return nil
}
