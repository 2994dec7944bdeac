// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// Credential is one key of a Secret that an application hands to its users. Its value is a secret.
type Credential struct {
	Secret      string `json:"secret"`
	Description string `json:"description,omitempty"`
	Key         string `json:"key"`
	Value       []byte `json:"value"` // base64 in JSON, as in a Secret
}

// NoCredentialsError says that an application has nothing to hand over, or not yet.
type NoCredentialsError struct {
	Application string // kind/name
	Namespace   string
	// Why is a clause: what is missing, and what the application says of itself.
	Why string
	// resource is what kubectl calls it.
	resource string
}

func (e *NoCredentialsError) Error() string {
	return fmt.Sprintf("%s in %s has no credentials: %s", e.Application, e.Namespace, e.Why)
}

// Hint is the next step.
func (e *NoCredentialsError) Hint() string {
	return "look at what it waits for with: kubectl describe --namespace " + e.Namespace + " " + e.resource
}

// MissingApplicationError says that an application is not there.
type MissingApplicationError struct {
	Kind, Name, Namespace string
	// Err is the API server's answer.
	Err error
	// resource is what the API server calls the kind.
	resource string
}

func (e *MissingApplicationError) Error() string {
	return fmt.Sprintf("get %s %s in %s: %v", e.Kind, e.Name, e.Namespace, e.Err)
}

func (e *MissingApplicationError) Unwrap() error { return e.Err }

// Hint is the next step.
func (e *MissingApplicationError) Hint() string {
	return fmt.Sprintf("see which are there with: kubectl get --namespace %s %s.%s; one of another tenant takes --tenant with that one's name",
		e.Namespace, e.resource, v1alpha1.GroupVersion.Group)
}

// Credentials are those that an application names in its status, in the order of the status and of their keys. The kind may be
// written as the kind or as its resource, in any case. The error is an *UnknownKindError where there is no such kind, a
// *MissingApplicationError where there is no such application, a *NoCredentialsError where it has none, or not all yet, and a
// *LevelError where the client may not read them.
func Credentials(
	ctx context.Context, typed kubernetes.Interface, client dynamic.Interface, namespace, kind, name string,
) ([]Credential, error) {
	resource, err := findKind(typed, kind)
	if err != nil {
		return nil, err
	}

	object, err := client.Resource(v1alpha1.GroupVersion.WithResource(resource.Name)).Namespace(namespace).Get(ctx, name, metav1.GetOptions{})

	switch {
	case apierrors.IsNotFound(err):
		return nil, &MissingApplicationError{Kind: resource.Kind, Name: name, Namespace: namespace, Err: err, resource: resource.Name}
	case err != nil:
		return nil, needsThere(err, tenant.Use, namespace, fmt.Sprintf("get %s %s in %s", resource.Kind, name, namespace))
	}

	none := &NoCredentialsError{
		Application: resource.Kind + "/" + name, Namespace: namespace,
		resource: resource.Name + "." + v1alpha1.GroupVersion.Group + " " + name,
	}

	named, _, err := unstructured.NestedSlice(object.Object, "status", "credentials")
	if err != nil || len(named) == 0 {
		none.Why = "its status names none" + readyClause(object)

		return nil, none
	}

	var all []Credential

	for _, one := range named {
		entry, _ := one.(map[string]any)
		secret, _ := entry["secret"].(string)
		description, _ := entry["description"].(string)

		found, err := typed.CoreV1().Secrets(namespace).Get(ctx, secret, metav1.GetOptions{})

		switch {
		case apierrors.IsNotFound(err):
			none.Why = "the Secret " + secret + " is not there yet" + readyClause(object)

			return nil, none
		case err != nil:
			return nil, needs(err, tenant.Use, namespace, fmt.Sprintf("get Secret %s in %s", secret, namespace))
		}

		for _, key := range slices.Sorted(maps.Keys(found.Data)) {
			all = append(all, Credential{Secret: secret, Description: description, Key: key, Value: found.Data[key]})
		}
	}

	return all, nil
}

// findKind is the resource of a kind, as the API server has it.
func findKind(typed kubernetes.Interface, word string) (*metav1.APIResource, error) {
	kinds, err := kindsOf(typed)
	if err != nil {
		return nil, err
	}

	var names []string

	for i := range kinds {
		one := &kinds[i]
		if slices.ContainsFunc([]string{one.Kind, one.Name, one.SingularName}, func(is string) bool { return strings.EqualFold(is, word) }) {
			return one, nil
		}

		names = append(names, one.Kind)
	}

	slices.Sort(names)

	return nil, &UnknownKindError{Word: word, Kinds: names}
}

// kindsOf are the resources of applications and cluster services, without subresources.
func kindsOf(typed kubernetes.Interface) ([]metav1.APIResource, error) {
	found, err := typed.Discovery().ServerResourcesForGroupVersion(v1alpha1.GroupVersion.String())
	if err != nil {
		return nil, fmt.Errorf("ask for the kinds of %s: %w", v1alpha1.GroupVersion, err)
	}

	isOther := func(one metav1.APIResource) bool {
		return strings.Contains(one.Name, "/") || one.Kind == v1alpha1.TenantKind || one.Kind == v1alpha1.TenantLimitsKind
	}

	return slices.DeleteFunc(slices.Clone(found.APIResources), isOther), nil
}

// UnknownKindError says that the cluster has no kind of application of that name.
type UnknownKindError struct {
	Word string
	// Kinds are those that it has, sorted.
	Kinds []string
}

func (e *UnknownKindError) Error() string {
	return fmt.Sprintf("no kind of application is called %q", e.Word)
}

// Hint is the next step.
func (e *UnknownKindError) Hint() string {
	if len(e.Kinds) == 0 {
		return "no kind is offered yet; what each waits for: kubectl get applicationdefinitions.cozystack.io --output wide"
	}

	return "the kinds are " + strings.Join(e.Kinds, ", ")
}

// readyClause is what an application that is not ready says of itself, to follow a clause.
func readyClause(object *unstructured.Unstructured) string {
	var status struct {
		Conditions []metav1.Condition `json:"conditions"`
	}

	fields, _, _ := unstructured.NestedMap(object.Object, "status")
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(fields, &status); err != nil {
		return "; its status can't be read: " + err.Error()
	}

	ready := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionReady)

	switch {
	case len(status.Conditions) == 0:
		return "; its controller has not looked at it yet"
	case ready != nil && ready.Status != metav1.ConditionTrue:
		return fmt.Sprintf("; it is not ready: %s: %s", ready.Reason, ready.Message)
	}

	return ""
}
