// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/cozystack/cozy-install/bootstrap/kube"
	"github.com/cozystack/cozy-install/bootstrap/phase"
	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// isolationTimeout bounds the wait for policies once the tenant is Ready: they follow at once, or a person must do something.
const isolationTimeout = 2 * time.Minute

// UnreadyRootError says that tenant-root did not become what was waited for, and what kept it.
type UnreadyRootError struct {
	After time.Duration
	// Err is the last that was seen of the tenant.
	Err error
	// Culprits are its services that are not ready, with their own words: Etcd/etcd: WaitingForRelease: ...
	Culprits []string
}

func (e *UnreadyRootError) Error() string {
	text := fmt.Sprintf("tenant-root is not ready after %s: %v", e.After.Round(time.Second), e.Err)
	if len(e.Culprits) > 0 {
		text += "; " + strings.Join(e.Culprits, "; ")
	}
	return text
}
func (e *UnreadyRootError) Unwrap() error { return e.Err }

// Hint says what to look at.
func (e *UnreadyRootError) Hint() string {
	return "look at what it waits for with: cozy-install tenant show " + tenant.RootName + "; kubectl -n " + tenant.RootNamespace +
		" get helmreleases,pods,events; then run up again, it goes on from there"
}

// awaitRoot waits until the tenant is as the site file has it and its controller says that it is Ready, which follows from what the
// services' own resources say.
func (b *bringup) awaitRoot(ctx context.Context, say phase.Say, client *kube.Client) error {
	return b.watchRoot(ctx, say, client, b.opts.nodeTimeout(), b.assertRoot)
}

// awaitRootIsolated waits until the tenant's network is isolated, unless nobody minds.
func (b *bringup) awaitRootIsolated(ctx context.Context, say phase.Say, client *kube.Client) error {
	return b.watchRoot(ctx, say, client, min(isolationTimeout, b.opts.nodeTimeout()), b.assertRootIsolated)
}

// assertRootIsolated checks that policies isolate the tenant's network, or that nobody minds.
func (b *bringup) assertRootIsolated(root *unstructured.Unstructured) error {
	if err := kube.AssertCondition(root, v1alpha1.ConditionPoliciesReady); err != nil && !b.accepts(RiskNoIsolation) {
		return &NoIsolationError{Why: err.Error()}
	}
	return nil
}

// watchRoot waits for an assertion on the tenant. It looks when the tenant changes, and never in between.
func (b *bringup) watchRoot(
	ctx context.Context, say phase.Say, client *kube.Client, timeout time.Duration, assert func(*unstructured.Unstructured) error,
) error {
	began := time.Now()
	watching, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	last := errors.New("it is not there")
	tell := b.tells(say)
	err := client.Watch(watching, tenants, tenant.RootNamespace, tenant.RootName, func(root *unstructured.Unstructured) bool {
		if last = assert(root); last != nil {
			tell(last)
		}
		return last == nil
	})
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err == nil:
		return nil
	case watching.Err() == nil:
		return fmt.Errorf("watch tenant %s: %w", tenant.RootName, err)
	}
	return &UnreadyRootError{After: time.Since(began), Err: last, Culprits: b.unreadyServices(ctx, client)}
}

// serviceResource is that of the objects which run a service.
func serviceResource(service tenant.Service) schema.GroupVersionResource {
	resource, _ := meta.UnsafeGuessKindToResource(v1alpha1.GroupVersion.WithKind(service.Kind()))
	return resource
}

// unreadyServices says of each service that the site file turns on why it is not ready.
func (b *bringup) unreadyServices(ctx context.Context, client *kube.Client) []string {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	var out []string
	for _, service := range rootServices(b.site) {
		object, err := client.Get(ctx, serviceResource(service), tenant.RootNamespace, service.String())
		if err == nil {
			err = kube.AssertCondition(object, v1alpha1.ConditionReady)
		}
		if err != nil {
			out = append(out, service.Kind()+"/"+service.String()+": "+err.Error())
		}
	}
	return out
}
