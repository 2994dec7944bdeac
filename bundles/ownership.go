// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// takesOver reports whether the package's release takes over objects that are there already and belong to others. On machines of
// our own there are no others, and what is there without an owner was left by an interrupted run. On an existing cluster a release
// takes only what its package says, or the operator: whoever owns an object deletes it in the end.
func (p *Plan) takesOver(pkg Package) bool { return p.Platform != Generic || pkg.Adopts }

// Occupied is an object of a package that is there already and belongs to somebody else.
type Occupied struct {
	Package string // that brings the object too
	Object  string // Kind namespace/name
	Owner   string // in words
}

// OccupiedError says what of others stands in the way of packages.
type OccupiedError struct{ Objects []Occupied }

func (e *OccupiedError) Error() string {
	lines := make([]string, len(e.Objects))
	for i, one := range e.Objects {
		lines[i] = fmt.Sprintf("package %s: %s", one.Package, occupied(one.Object, one.Owner))
	}
	return "what belongs to others stands in the way: " + strings.Join(lines, "; ")
}

// Hint says how to go on.
func (e *OccupiedError) Hint() string {
	names := make([]string, len(e.Objects))
	for i, one := range e.Objects {
		names[i] = one.Package
	}
	slices.Sort(names)
	return occupiedHint(slices.Compact(names))
}

func occupied(object, owner string) string {
	return object + isOccupied + owner
}

const isOccupied = " is there already, and belongs to "

func occupiedHint(packages []string) string {
	names := strings.Join(packages, ", ")
	return "to go on with what is there, disable the package (packages: {disable: [" + names + "]}); to have it taken over, and with the package" +
		" removed later, adopt it (packages: {adopt: [" + names + "]}) after its present owner has let go of it"
}

// refusal is what Helm says of an object that it does not take over; see checkOwnership in its pkg/action/validate.go.
var refusal = regexp.MustCompile(`(\S+) "([^"]*)" in namespace "([^"]*)" exists and cannot be imported into the current release: invalid ownership metadata; (.*)`)

// wrongOwner is one reason of such a refusal: key "meta.helm.sh/release-name" must equal "a": current value is "b".
var wrongOwner = regexp.MustCompile(`key "([^"]*)" must equal "([^"]*)": current value is "([^"]*)"`)

// refusedObject reads what stands in the way out of an error of Helm's. The package's release tells its name and namespace.
func refusedObject(message, release, namespace string) (object, owner string, ok bool) {
	found := refusal.FindStringSubmatch(message)
	if found == nil {
		return "", "", false
	}
	object = found[1] + " " + pathOf(found[3], found[2])
	name, in := release, namespace
	for _, one := range wrongOwner.FindAllStringSubmatch(found[4], -1) {
		switch one[1] {
		case helmName:
			name = one[3]
		case helmNamespace:
			in = one[3]
		}
	}
	if name == release && in == namespace {
		return object, nobodyKnown, true
	}
	return object, "Helm release " + in + "/" + name, true
}

const nobodyKnown = "no Helm release"

// occupiedBy is an error of Helm's about an object of others, in the words of an operator; any other error stays as it is.
func occupiedBy(p Package, err error) error {
	if err == nil {
		return nil
	}
	object, owner, ok := refusedObject(err.Error(), p.Release, p.Namespace)
	if !ok {
		return err
	}
	return &OccupiedError{Objects: []Occupied{{p.Name, object, owner}}}
}

// assertVacant names the CRDs of packages that are there and belong to others. Those in a chart's own directory are not guarded by
// Helm: Flux would replace them, and so may break who runs with them. What else stands in the way, Helm finds when it installs.
func assertVacant(ctx context.Context, c clients, plan *Plan, packages []Package) error {
	var found []Occupied
	var errs []error
	for _, p := range packages {
		if plan.takesOver(p) {
			continue
		}
		for _, crd := range p.Provides {
			if crd.From != FromChart {
				continue
			}
			owner, err := ownerOfCRD(ctx, c, p, crd.Name)
			if err != nil {
				errs = append(errs, err)
			} else if owner != "" {
				found = append(found, Occupied{p.Name, "CustomResourceDefinition " + crd.Name, owner})
			}
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if len(found) > 0 {
		return &OccupiedError{Objects: found}
	}
	return nil
}

// ownerOfCRD is empty for one that is not there, or belongs to the package.
func ownerOfCRD(ctx context.Context, c clients, p Package, name string) (owner string, err error) {
	err = persist(ctx, func(ctx context.Context) error {
		object, err := c.names.Resource(definitions()).Get(ctx, name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		if err == nil {
			owner = otherOwner(object.ObjectMeta, p)
		}
		return err
	})
	if err != nil {
		return "", fmt.Errorf("read CRD %s: %w", name, err)
	}
	return owner, nil
}

// Labels that Flux gives what it installs: of a HelmRelease, CRDs of the chart's own directory included, and of a Kustomization.
const (
	fluxHelm      = "helm.toolkit.fluxcd.io/"
	fluxKustomize = "kustomize.toolkit.fluxcd.io/"
	argoInstance  = "argocd.argoproj.io/instance"
)

// otherOwner says who an object belongs to, in words. Empty: to the package.
func otherOwner(object metav1.ObjectMeta, p Package) string {
	helm := storedName{object.Annotations[helmNamespace], object.Annotations[helmName]}
	flux := storedName{object.Labels[fluxHelm+"namespace"], object.Labels[fluxHelm+"name"]}
	switch {
	case helm == storedName{p.Namespace, p.Release}, helm.name == "" && flux == storedName{p.Namespace, p.Name}:
		return ""
	case helm.name != "":
		return "Helm release " + helm.namespace + "/" + helm.name
	case flux.name != "":
		return "HelmRelease " + flux.namespace + "/" + flux.name
	case object.Labels[fluxKustomize+"name"] != "":
		return "Kustomization " + object.Labels[fluxKustomize+"namespace"] + "/" + object.Labels[fluxKustomize+"name"]
	case object.Labels[argoInstance] != "":
		return "Argo CD application " + object.Labels[argoInstance]
	case len(object.OwnerReferences) > 0:
		return object.OwnerReferences[0].Kind + " " + object.OwnerReferences[0].Name
	}
	managers := slices.Clone(object.ManagedFields)
	slices.SortStableFunc(managers, func(a, b metav1.ManagedFieldsEntry) int {
		return cmp.Compare(since(a), since(b))
	})
	for _, manager := range managers {
		if manager.Manager != "kube-apiserver" { // it writes the status
			return nobodyKnown + "; " + manager.Manager + " made it"
		}
	}
	return nobodyKnown
}

func since(entry metav1.ManagedFieldsEntry) int64 {
	if entry.Time == nil {
		return 0
	}
	return entry.Time.Unix()
}
