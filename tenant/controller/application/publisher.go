// SPDX-License-Identifier: Apache-2.0

package application

import (
	"context"
	"errors"
	"fmt"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	definition "github.com/cozystack/cozy-install/tenant/api/definition/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/application"
)

// Reasons of the condition Published, beside its own name. Scripts compare them.
const (
	ReasonInvalid             = "Invalid"
	ReasonChartMissing        = "ChartMissing"
	ReasonSchemaMissing       = "SchemaMissing"
	ReasonNotExpressible      = "NotExpressible"
	ReasonRequirementsMissing = "RequirementsMissing"
	ReasonNameTaken           = "NameTaken"
	ReasonBreakingChange      = "BreakingChange"
	ReasonNotEstablished      = "NotEstablished"
)

// publisher makes kinds of definitions.
type publisher struct {
	*world

	charts map[string]Chart
}

// checked is a definition with what can be told from it alone.
type checked struct {
	*definition.ApplicationDefinition

	// judges are of what its releases make.
	judges []judge
	// invalid is why no kind can be made of it. Nil: one can.
	invalid error
}

func check(of *definition.ApplicationDefinition) *checked {
	judges, err := judgesOf(of)

	return &checked{ApplicationDefinition: of, judges: judges, invalid: errors.Join(application.Check(of), err)}
}

// outcome is what the condition Published says.
type outcome struct {
	isPublished     bool
	reason, message string
	version         string // of the chart whose schema is published; empty: that of before, or none
}

// Reconcile looks at one definition, and at the CustomResourceDefinitions that were made for it.
func (p *publisher) Reconcile(ctx context.Context, of reconcile.Request) (reconcile.Result, error) {
	var found definition.ApplicationDefinition

	err := p.client.Get(ctx, of.NamespacedName, &found)

	switch {
	case apierrors.IsNotFound(err):
		err = p.retire(ctx, of.Name)
	case err == nil:
		err = p.reconcile(ctx, &found)
	}

	if _, unknown := p.isWhole(ctx); err == nil {
		err = unknown
	}

	if apierrors.IsConflict(err) {
		p.log.DebugContext(ctx, "the definition changed meanwhile", "definition", of.Name)

		return reconcile.Result{}, nil
	}

	if err != nil {
		return reconcile.Result{}, fmt.Errorf("reconcile application definition %s: %w", of.Name, err)
	}

	return reconcile.Result{}, nil
}

func (p *publisher) reconcile(ctx context.Context, of *definition.ApplicationDefinition) error {
	crd, err := p.crd(ctx, application.CRDName(of))
	if err != nil {
		return err
	}

	if crd == nil {
		if err := p.withdrawIfServed(ctx, of.Spec.Application.Kind, of.Name); err != nil {
			return err
		}
	}

	checked := check(of)

	wanted, said, err := p.judge(ctx, checked, crd)
	if err != nil {
		return err
	}

	if wanted != nil {
		brought, err := p.bring(ctx, wanted, crd)
		if err != nil {
			return errors.Join(err, p.serveMade(ctx, crd, checked))
		}

		crd, said = brought, establishedOutcome(brought, said.version)
	}

	err = p.serveMade(ctx, crd, checked)

	return errors.Join(err, p.writeStatus(ctx, of, unserved(said, err)))
}

// serveMade takes what was made for a definition into service. Whatever keeps a change from being published: what was
// published before is served.
func (p *publisher) serveMade(ctx context.Context, crd *apiextensionsv1.CustomResourceDefinition, of *checked) error {
	defer p.kinds.saw(of.Name)

	if !isMadeFor(crd, of.Name) {
		return nil
	}

	return p.serveCRD(ctx, crd, of)
}

// judge makes the CustomResourceDefinition of a definition, or says why it may not be published. crd is the one there is; nil:
// none.
func (p *publisher) judge(
	ctx context.Context, of *checked, crd *apiextensionsv1.CustomResourceDefinition,
) (*apiextensionsv1.CustomResourceDefinition, outcome, error) {
	no := func(reason, message string, args ...any) (*apiextensionsv1.CustomResourceDefinition, outcome, error) {
		return nil, outcome{reason: reason, message: strings.ReplaceAll(fmt.Sprintf(message, args...), "\n", "; ")}, nil
	}

	if of.invalid != nil {
		return no(ReasonInvalid, "%v", of.invalid)
	}

	if crd != nil && !isMadeFor(crd, of.Name) {
		return no(ReasonNameTaken, "CustomResourceDefinition %s is there already, and was made %s", crd.Name, makerOf(crd))
	}

	source, version, why := p.schema(of.ApplicationDefinition)
	if why != nil {
		return no(why.reason, "%s", why.message)
	}

	schema, err := application.Schema(source)
	if err != nil {
		return no(ReasonNotExpressible, "%v", err)
	}

	missing, err := p.missing(ctx, of.ApplicationDefinition)
	if err != nil {
		return nil, outcome{}, err
	}

	if len(missing) > 0 {
		return no(ReasonRequirementsMissing, "waiting for CustomResourceDefinitions to be established: %s", strings.Join(missing, ", "))
	}

	breaks, err := p.breaks(ctx, crd, schema)
	if err != nil {
		return nil, outcome{}, err
	}

	if len(breaks) > 0 {
		return no(ReasonBreakingChange, "there are objects of the kind, which its new schema would break, so that the old one is served: %s",
			strings.Join(breaks, "; "))
	}

	wanted, err := application.CRD(of.ApplicationDefinition, schema)
	if err != nil {
		return no(ReasonInvalid, "%v", err)
	}

	return wanted, outcome{version: version}, nil
}

// schema is that of the chart's values, with the chart's version, or what is missing of them.
func (p *publisher) schema(of *definition.ApplicationDefinition) (schema []byte, version string, why *outcome) {
	wanted, given := of.Spec.Release.Chart, of.Spec.Application.OpenAPISchema
	version = wanted.Version

	if wanted.SourceRef == nil {
		own, isServed := p.charts[wanted.Name]

		switch {
		case !isServed:
			return nil, "", &outcome{reason: ReasonChartMissing, message: "chart " + wanted.Name + ": the platform serves none of this name; " +
				"set spec.release.chart.sourceRef to where it is"}
		case version != "" && version != own.Version:
			return nil, "", &outcome{reason: ReasonChartMissing, message: fmt.Sprintf(
				"chart %s: the platform serves version %s, not %s; leave spec.release.chart.version out", wanted.Name, own.Version, version)}
		}

		version = own.Version

		if given == "" && own.Schema == nil {
			return nil, "", &outcome{reason: ReasonSchemaMissing, message: "chart " + wanted.Name + " has no values.schema.json; set spec.application.openAPISchema"}
		}

		if given == "" {
			return own.Schema, version, nil
		}
	}

	switch {
	case given == "":
		return nil, "", &outcome{reason: ReasonSchemaMissing, message: "the schema of a chart from elsewhere is not known; set spec.application.openAPISchema"}
	case version == "":
		return nil, "", &outcome{reason: ReasonChartMissing, message: "the version of a chart from elsewhere must be set: spec.release.chart.version"}
	}

	return []byte(given), version, nil
}
