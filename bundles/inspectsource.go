// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"cmp"
	"context"
	"slices"

	"github.com/fluxcd/pkg/apis/meta"
	sourcev1 "github.com/fluxcd/source-controller/api/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// sourceNotReady is the reason of a HelmRelease whose chart Flux does not have.
const sourceNotReady = "SourceNotReady"

// unreadRepository is the chart repository that Flux can't read, of a package that waits for its chart. The HelmRelease itself only
// says that there is no artifact, and neither why nor of which URL. Zero: it is read, or it is not what keeps the package.
func (i *inspector) unreadRepository(ctx context.Context, p Package) FailingObject {
	object, err := i.dynamic.Resource(releases()).Namespace(p.Namespace).Get(ctx, p.Name, metav1.GetOptions{})
	if err != nil {
		return FailingObject{} // one of the core has none
	}
	release, err := toRelease(object)
	if err != nil || release.Spec.Chart == nil {
		return FailingObject{}
	}
	// Flux looks every few seconds, and says meanwhile that it does.
	ready := apimeta.FindStatusCondition(release.Status.Conditions, meta.ReadyCondition)
	if ready == nil || !slices.Contains([]string{sourceNotReady, meta.ProgressingReason}, ready.Reason) {
		return FailingObject{}
	}
	source := release.Spec.Chart.Spec.SourceRef
	if source.Kind != sourcev1.HelmRepositoryKind {
		return FailingObject{}
	}
	namespace := cmp.Or(source.Namespace, release.Namespace)
	object, err = i.dynamic.Resource(repositories()).Namespace(namespace).Get(ctx, source.Name, metav1.GetOptions{})
	if err != nil {
		return FailingObject{}
	}
	repository := &sourcev1.HelmRepository{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, repository); err != nil {
		return FailingObject{}
	}
	read := apimeta.FindStatusCondition(repository.Status.Conditions, meta.ReadyCondition)
	if read == nil || read.Status != metav1.ConditionFalse {
		return FailingObject{}
	}
	return FailingObject{Kind: source.Kind, Namespace: namespace, Name: source.Name, Why: cut(read.Message)}
}
