// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"context"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// StorageClasses are the cluster's storage classes.
type StorageClasses struct {
	Names      []string // sorted
	HasDefault bool     // claims that name none get the default one
}

// StorageClasses lists the cluster's storage classes.
func (c *Client) StorageClasses(ctx context.Context) (out StorageClasses, err error) {
	list, err := c.Typed.StorageV1().StorageClasses().List(ctx, metav1.ListOptions{})
	if err != nil {
		return out, fmt.Errorf("list storage classes: %w", err)
	}
	for _, class := range list.Items {
		out.Names = append(out.Names, class.Name)
		// Kubernetes takes both (pkg/volume/util/storageclass.go, IsDefaultAnnotation).
		for _, key := range []string{"storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"} {
			out.HasDefault = out.HasDefault || class.Annotations[key] == "true"
		}
	}
	slices.Sort(out.Names)
	return out, nil
}

// ClassParameter is one parameter of a storage class that a Helm release made.
type ClassParameter struct {
	Class string
	UID   types.UID
	// Release is the name of the Helm release that the class belongs to; empty: it belongs to none.
	Release string
	Value   string
	// Wanted is what the value should be. Whoever asks fills it in.
	Wanted string
}

// ClassParameter reads one parameter of a class. Nil: there is no such class.
func (c *Client) ClassParameter(ctx context.Context, class, parameter string) (*ClassParameter, error) {
	found, err := c.Typed.StorageV1().StorageClasses().Get(ctx, class, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("get storage class %s: %w", class, err)
	}
	return &ClassParameter{
		Class: class, UID: found.UID, Release: found.Annotations["meta.helm.sh/release-name"], Value: found.Parameters[parameter],
	}, nil
}

// DeleteClass deletes the class that was read, and no other of its name.
func (c *Client) DeleteClass(ctx context.Context, read *ClassParameter) error {
	err := c.Typed.StorageV1().StorageClasses().Delete(ctx, read.Class, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &read.UID}})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete storage class %s: %w", read.Class, err)
	}
	return nil
}
