// SPDX-License-Identifier: Apache-2.0

package application

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cozystack/cozy-install/tenant"
	definition "github.com/cozystack/cozy-install/tenant/api/definition/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

const (
	// maxRelease is Helm's bound, in characters: it names its Secrets by the release.
	maxRelease = 53
	// maxLabel bounds the value of a label, in characters.
	maxLabel = 63
)

// Check says why a definition can't be published whatever its chart holds: everything at once, or nil. What its fields look
// like is checked by the API server already.
func Check(of *definition.ApplicationDefinition) error {
	var all []error

	refuse := func(field, value, rule string, args ...any) {
		all = append(all, fmt.Errorf("%s: %q: %s", field, value, fmt.Sprintf(rule, args...)))
	}

	kind, service := of.Spec.Application, of.Spec.Service

	if len(of.Name) > maxLabel {
		refuse("metadata.name", of.Name, "at most %d characters: it is a label of what is made", maxLabel)
	}

	if slices.Contains([]string{v1alpha1.TenantKind, v1alpha1.TenantLimitsKind}, kind.Kind) {
		refuse("spec.application.kind", kind.Kind, "the platform has a kind of this name itself")
	}

	if slices.Contains([]string{v1alpha1.TenantPlural, v1alpha1.TenantLimitsPlural}, kind.Plural) {
		refuse("spec.application.plural", kind.Plural, "the platform has a resource of this name itself")
	}

	for _, one := range tenant.Services() {
		switch isOfService := kind.Kind == one.Kind(); {
		case isOfService && service != one.String():
			refuse("spec.service", service, "kind %s runs the cluster service %s", kind.Kind, one)
		case !isOfService && service == one.String():
			refuse("spec.application.kind", kind.Kind, "the kind that runs %s is %s", one, one.Kind())
		}
	}

	switch prefix := of.Spec.Release.Prefix; {
	case service != "" && prefix != "":
		refuse("spec.release.prefix", prefix, "must be empty: what runs a cluster service is called as the service")
	case service == "" && prefix == "":
		// Names of tenants have no dash, so that <release>.<host of the tenant> is never the host of one below it.
		refuse("spec.release.prefix", prefix, "must be set: an application would have the host of a tenant that is called as it is")
	case prefix == tenant.Release(""):
		refuse("spec.release.prefix", prefix, "releases of tenants are called so")
	}

	if service != "" && slices.Contains(servicesOf(of), service) {
		refuse("spec.service", service, "a service can neither need, keep nor use itself: it would wait for ever")
	}

	for i, credential := range of.Spec.Credentials {
		// Else a user could name an object so that its credentials are another's Secret.
		if service == "" && !strings.Contains(credential.Secret, releaseVariable) {
			refuse(fmt.Sprintf("spec.credentials[%d].secret", i), credential.Secret, "must hold %s, as each release has its own", releaseVariable)
		}
	}

	for i, left := range of.Spec.Leftovers {
		// Else one application's deletion would take what belongs to others.
		if values := slices.Collect(maps.Values(left.Labels)); !slices.Contains(values, releaseVariable) {
			refuse(fmt.Sprintf("spec.leftovers[%d].labels", i), fmt.Sprint(left.Labels), "one must be %s: what is selected is deleted", releaseVariable)
		}
	}

	return errors.Join(all...)
}

// releaseVariable and nameVariable stand for the names of the release and of the object in the names of credentials and in the
// labels of leftovers.
const (
	releaseVariable = "{release}"
	nameVariable    = "{name}"
)

// ReleaseName is the name of an object's HelmRelease, and of the release that Helm makes of it.
//
//	prefix postgres-, object db -> postgres-db
func ReleaseName(of *definition.ApplicationDefinition, name string) string {
	return of.Spec.Release.Prefix + name
}

// variables fills in the names of an object and of its release.
func variables(of *definition.ApplicationDefinition, name string) *strings.Replacer {
	return strings.NewReplacer(releaseVariable, ReleaseName(of, name), nameVariable, name)
}
