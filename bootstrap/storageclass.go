// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cozystack/cozy-install/bootstrap/kube"
)

// StorageClassError says that an existing cluster does not have the storage class of the site file: volumes of packages would wait
// for it for ever.
type StorageClassError struct {
	Class string
	Has   []string // that the cluster has; nil: none
}

func (e *StorageClassError) Error() string {
	has := "it has none"
	if len(e.Has) > 0 {
		has = "it has: " + strings.Join(e.Has, ", ")
	}
	return fmt.Sprintf("storage.class: %q: the cluster has no such storage class; %s", e.Class, has)
}

// Hint says what to write.
func (e *StorageClassError) Hint() string {
	if len(e.Has) == 0 {
		return "install storage in the cluster first; nothing was installed"
	}
	return "name one of these, or leave storage.class out for the cluster's default; nothing was installed"
}

// assertStorageClass looks for the storage class that the site file names, if it names one.
func (b *bringup) assertStorageClass(ctx context.Context, client *kube.Client) error {
	if b.site.Storage == nil || b.site.Storage.Class == "" {
		return nil
	}
	has, err := client.StorageClasses(ctx)
	if err == nil && !slices.Contains(has, b.site.Storage.Class) {
		err = &StorageClassError{Class: b.site.Storage.Class, Has: has}
	}
	return err
}

// storageClassSteps is what a preview says of it: a class that is not there is an error, a cluster that does not answer none.
func (b *bringup) storageClassSteps(ctx context.Context, client *kube.Client) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	err := b.assertStorageClass(ctx, client)
	if missing := (*StorageClassError)(nil); err == nil || errors.As(err, &missing) {
		return nil, err
	}
	return []string{"whether the cluster has the storage class of storage.class can't be told: " + err.Error()}, nil
}
