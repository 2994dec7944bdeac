// SPDX-License-Identifier: Apache-2.0

package application

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	definition "github.com/cozystack/cozy-install/tenant/api/definition/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/application"
)

// maxPublished bounds the message of the condition Published, in bytes: the API server takes 32 KiB.
const maxPublished = 8 << 10

// writeStatus writes what became of a definition, if that says anything new.
func (p *publisher) writeStatus(ctx context.Context, of *definition.ApplicationDefinition, said outcome) error {
	before := of.DeepCopy()
	state := metav1.ConditionFalse

	if said.isPublished {
		state = metav1.ConditionTrue
	}

	of.Status.ObservedGeneration = of.Generation
	of.Status.ChartVersion = cmp.Or(said.version, of.Status.ChartVersion)

	meta.SetStatusCondition(&of.Status.Conditions, metav1.Condition{
		Type: definition.ConditionPublished, Status: state, Reason: said.reason, ObservedGeneration: of.Generation,
		Message:            strings.ToValidUTF8(said.message[:min(len(said.message), maxPublished)], ""),
		LastTransitionTime: metav1.NewTime(p.now()),
	})

	if equality.Semantic.DeepEqual(before.Status, of.Status) {
		return nil
	}

	err := p.client.Status().Patch(ctx, of, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}), client.FieldOwner(FieldManager))
	if err = client.IgnoreNotFound(err); err != nil {
		return fmt.Errorf("write its status: %w", err)
	}

	p.tellPublished(of, before.Status.Conditions, of.Status.Conditions)

	return nil
}

// establishedOutcome says whether the API server serves what was published. An empty version leaves that of before.
func establishedOutcome(crd *apiextensionsv1.CustomResourceDefinition, version string) outcome {
	if isEstablished(crd) {
		return outcome{isPublished: true, reason: definition.ConditionPublished, version: version}
	}

	said := outcome{reason: ReasonNotEstablished, message: "waiting for the API server to serve the kind"}

	if crd.DeletionTimestamp != nil {
		said.message = "waiting for CustomResourceDefinition " + crd.Name + " to be gone, which somebody deletes"
	}

	for _, condition := range crd.Status.Conditions {
		if condition.Status == apiextensionsv1.ConditionFalse && condition.Type != apiextensionsv1.Terminating && condition.Message != "" {
			said.message += "; " + condition.Message
		}
	}

	return said
}

// unserved is what is said where a kind could not be taken into service whole.
func unserved(said outcome, err error) outcome {
	if said.isPublished && meta.IsNoMatchError(err) {
		return outcome{
			reason: ReasonRequirementsMissing, version: said.version,
			message: "what its releases make can't be watched: " + strings.ReplaceAll(err.Error(), "\n", "; "),
		}
	}

	return said
}

// makerOf says for whom a CustomResourceDefinition was made, to follow "was made".
func makerOf(crd *apiextensionsv1.CustomResourceDefinition) string {
	if owner := crd.Labels[application.LabelDefinition]; owner != "" {
		return "for the definition " + owner
	}

	return "by somebody else"
}
