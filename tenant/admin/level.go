// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/cozystack/cozy-install/tenant"
)

// LevelError says that the client lacks a level in a tenant.
type LevelError struct {
	// Doing is what was to be done, such as: delete tenant foo.
	Doing     string
	Level     tenant.Level
	Namespace string
	// Err is the API server's answer.
	Err error
	// isNamed says that whoever asks named the namespace, which may be no tenant's.
	isNamed bool
}

func (e *LevelError) Error() string {
	return fmt.Sprintf("%s: you need the level %s in %s, or in a tenant above: %v", e.Doing, e.Level, e.Namespace, e.Err)
}

func (e *LevelError) Unwrap() error { return e.Err }

// Hint is the next step.
func (e *LevelError) Hint() string {
	hint := fmt.Sprintf("somebody who has it there or above, or an administrator of the platform, hands it on with: "+
		"cozy-install tenant kubeconfig %s --level %s", e.Namespace, e.Level)
	if e.isNamed {
		hint += "; if that is no tenant's namespace, nobody but the platform's administrators may"
	}

	return hint
}

// needs adds to the error of a call what it was about. It is a *LevelError where the API server says that the client lacks the right.
func needs(err error, level tenant.Level, namespace, doing string) error {
	if isLack(err) {
		return &LevelError{Doing: doing, Level: level, Namespace: namespace, Err: err}
	}

	return fmt.Errorf("%s: %w", doing, err)
}

// needsThere is needs for a namespace that somebody named.
func needsThere(err error, level tenant.Level, namespace, doing string) error {
	err = needs(err, level, namespace, doing)

	lacking := (*LevelError)(nil)
	if errors.As(err, &lacking) {
		lacking.isNamed = true
	}

	return err
}

// isLack: admission policies forbid too, and namespaces that end, whatever rights somebody has. They tell causes, and RBAC none.
func isLack(err error) bool {
	status := apierrors.APIStatus(nil)
	if !apierrors.IsForbidden(err) || !errors.As(err, &status) {
		return false
	}

	details := status.Status().Details

	return details == nil || len(details.Causes) == 0
}
