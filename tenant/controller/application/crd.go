// SPDX-License-Identifier: Apache-2.0

package application

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	definition "github.com/cozystack/cozy-install/tenant/api/definition/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/application"
)

// crd is asked for past the cache, which has the metadata only: definitions of others' kinds may be of a megabyte. Nil: there
// is none.
func (w *world) crd(ctx context.Context, name string) (*apiextensionsv1.CustomResourceDefinition, error) {
	var found apiextensionsv1.CustomResourceDefinition

	err := w.live.Get(ctx, client.ObjectKey{Name: name}, &found)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}

	if err != nil {
		return nil, fmt.Errorf("get CustomResourceDefinition %s: %w", name, err)
	}

	return &found, nil
}

// bring makes or changes a CustomResourceDefinition, and writes only a difference.
func (p *publisher) bring(
	ctx context.Context, wanted, found *apiextensionsv1.CustomResourceDefinition,
) (*apiextensionsv1.CustomResourceDefinition, error) {
	if found == nil {
		if err := p.client.Create(ctx, wanted, client.FieldOwner(FieldManager)); err != nil {
			return nil, fmt.Errorf("create CustomResourceDefinition %s: %w", wanted.Name, err)
		}

		p.log.InfoContext(ctx, "made a kind of application", "kind", wanted.Spec.Names.Kind)

		return wanted, nil
	}

	changed := found.DeepCopy()
	maps.Copy(changed.Labels, wanted.Labels) // there are some: it was made for this definition
	copyLeftovers(changed, wanted)
	wanted.Spec.DeepCopyInto(&changed.Spec)
	apiextensionsv1.SetObjectDefaults_CustomResourceDefinition(changed)

	if equality.Semantic.DeepEqual(changed.Spec, found.Spec) && maps.Equal(changed.Labels, found.Labels) &&
		maps.Equal(changed.Annotations, found.Annotations) {
		return found, nil
	}

	if err := p.client.Update(ctx, changed, client.FieldOwner(FieldManager)); err != nil {
		return nil, fmt.Errorf("update CustomResourceDefinition %s: %w", wanted.Name, err)
	}

	p.log.InfoContext(ctx, "changed a kind of application", "kind", wanted.Spec.Names.Kind)

	return changed, nil
}

// breaks says what a new schema would break, where there are objects it could break.
func (p *publisher) breaks(
	ctx context.Context, crd *apiextensionsv1.CustomResourceDefinition, schema *apiextensionsv1.JSONSchemaProps,
) ([]string, error) {
	before := specOf(crd)
	if before == nil {
		return nil, nil
	}

	changes := application.Breaking(before, schema)
	if len(changes) == 0 {
		return nil, nil
	}

	hasObjects, err := p.hasObjects(ctx, crd)
	if err != nil || !hasObjects {
		return nil, err
	}

	texts := make([]string, 0, len(changes))
	for _, change := range changes {
		texts = append(texts, change.String())
	}

	return texts, nil
}

// specOf is the schema of spec that is served. Nil: none is.
func specOf(crd *apiextensionsv1.CustomResourceDefinition) *apiextensionsv1.JSONSchemaProps {
	if crd == nil || len(crd.Spec.Versions) == 0 || crd.Spec.Versions[0].Schema == nil || crd.Spec.Versions[0].Schema.OpenAPIV3Schema == nil {
		return nil
	}

	spec, isThere := crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"]
	if !isThere {
		return nil
	}

	return &spec
}

// hasObjects asks past the cache: what was made a moment ago counts.
func (p *publisher) hasObjects(ctx context.Context, crd *apiextensionsv1.CustomResourceDefinition) (bool, error) {
	if !isServed(crd) {
		return false, nil
	}

	list := kind{name: crd.Spec.Names.Kind}.list()
	if err := p.live.List(ctx, list, client.Limit(1)); err != nil {
		return false, fmt.Errorf("list objects of kind %s: %w", crd.Spec.Names.Kind, err)
	}

	return len(list.Items) > 0, nil
}

// retire looks after what was made for a definition that is gone: a kind that has objects stays served, so that these go on to
// run and can be deleted; with the last of them it goes.
func (p *publisher) retire(ctx context.Context, name string) error {
	var made metav1.PartialObjectMetadataList

	made.SetGroupVersionKind(apiextensionsv1.SchemeGroupVersion.WithKind("CustomResourceDefinitionList"))

	if err := p.client.List(ctx, &made, client.MatchingLabels{labelManagedBy: FieldManager, application.LabelDefinition: name}); err != nil {
		return fmt.Errorf("list what was made for it: %w", err)
	}

	var (
		served = map[string]bool{}
		failed error
	)

	for i := range made.Items {
		crd, err := p.crd(ctx, made.Items[i].Name)
		if err != nil {
			return err
		}

		stays, err := p.retireCRD(ctx, crd, name)
		if err != nil && !stays {
			return err
		}

		if stays {
			served[crd.Spec.Names.Kind], failed = true, errors.Join(failed, err)
		}
	}

	p.kinds.saw(name)

	for _, one := range p.kinds.all() {
		if one.owner == name && !served[one.name] {
			failed = errors.Join(failed, p.withdraw(ctx, one))
		}
	}

	return failed
}

func (p *publisher) retireCRD(ctx context.Context, crd *apiextensionsv1.CustomResourceDefinition, owner string) (stays bool, err error) {
	if !isMadeFor(crd, owner) {
		return false, nil
	}

	hasObjects, err := p.hasObjects(ctx, crd)
	if err != nil {
		return false, err
	}

	if hasObjects {
		return true, p.serveCRD(ctx, crd, nil)
	}

	if crd.DeletionTimestamp == nil {
		uid, version := crd.UID, crd.ResourceVersion

		err := p.client.Delete(ctx, crd, client.Preconditions{UID: &uid, ResourceVersion: &version})
		if client.IgnoreNotFound(err) != nil {
			return false, fmt.Errorf("delete CustomResourceDefinition %s: %w", crd.Name, err)
		}

		p.log.InfoContext(ctx, "deleted a kind of application without objects, as its definition is gone", "kind", crd.Spec.Names.Kind)
	}

	return false, nil
}

// serveCRD takes a published kind into service; of is nil where its definition is gone.
func (p *publisher) serveCRD(ctx context.Context, crd *apiextensionsv1.CustomResourceDefinition, of *checked) error {
	one := kind{name: crd.Spec.Names.Kind, owner: crd.Labels[application.LabelDefinition]}

	if !isServed(crd) {
		return p.withdrawIfServed(ctx, one.name, one.owner)
	}

	if of == nil || of.invalid != nil {
		one.leftovers = p.publishedLeftovers(ctx, crd)
	} else {
		one.leftovers = application.Leftovers(of.ApplicationDefinition)
		one.definition, one.health = of.DeepCopy(), of.judges
		one.definition.Status = definition.ApplicationDefinitionStatus{}
		one.definition.ObjectMeta = metav1.ObjectMeta{Name: of.Name}
	}

	return p.serve(ctx, one)
}

// withdrawIfServed takes a kind out of service that was made for a definition; what was made for others stays.
func (p *publisher) withdrawIfServed(ctx context.Context, name, owner string) error {
	one, isServed := p.kinds.get(name)
	if !isServed || one.owner != owner {
		return nil
	}

	return p.withdraw(ctx, one)
}

func isMadeFor(crd *apiextensionsv1.CustomResourceDefinition, owner string) bool {
	return crd != nil && crd.Labels[labelManagedBy] == FieldManager && crd.Labels[application.LabelDefinition] == owner
}

// isEstablished says whether objects of a kind can be made.
func isEstablished(crd *apiextensionsv1.CustomResourceDefinition) bool {
	return isServed(crd) && crd.DeletionTimestamp == nil
}

// isServed says whether objects of a kind can be read and changed. One that is being deleted is served until the last of its
// objects is gone: these wait for whoever holds them.
func isServed(crd *apiextensionsv1.CustomResourceDefinition) bool {
	return crd != nil && slices.ContainsFunc(crd.Status.Conditions, func(c apiextensionsv1.CustomResourceDefinitionCondition) bool {
		return c.Type == apiextensionsv1.Established && c.Status == apiextensionsv1.ConditionTrue
	})
}
