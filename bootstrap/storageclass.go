// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cozystack/cozy-install/bootstrap/kube"
)

// StorageClassError says that an existing cluster does not have a storage class that the site file names: volumes of packages would
// wait for it for ever.
type StorageClassError struct {
	Field string // of the site file: storage.class
	Class string
	Has   []string // that the cluster has; nil: none
}

func (e *StorageClassError) Error() string {
	return fmt.Sprintf("%s: %q: the cluster has no such storage class; %s", e.Field, e.Class, classesOf(e.Has))
}

// Hint says what to write.
func (e *StorageClassError) Hint() string {
	if len(e.Has) == 0 {
		return "install storage in the cluster first; nothing was installed"
	}
	return "name one of these, or leave " + e.Field + " out for the cluster's default; nothing was installed"
}

// NoDefaultClassError says that packages ask for volumes of the default storage class, and that an existing cluster has none.
type NoDefaultClassError struct {
	Packages []string
	Has      []string // classes of the cluster; nil: none
}

func (e *NoDefaultClassError) Error() string {
	return fmt.Sprintf("volumes of %s would wait for ever: the cluster has no default storage class; %s",
		strings.Join(e.Packages, ", "), classesOf(e.Has))
}

// Hint says how to name one.
func (e *NoDefaultClassError) Hint() string {
	if len(e.Has) == 0 {
		return "install storage in the cluster first; nothing was installed"
	}
	return "name one as storage.class in the site file, or make one the default: kubectl annotate storageclass " + e.Has[0] +
		" storageclass.kubernetes.io/is-default-class=true; nothing was installed"
}

func classesOf(names []string) string {
	if len(names) == 0 {
		return "it has none"
	}
	return "it has: " + strings.Join(names, ", ")
}

// assertStorageClass looks for the storage classes that volumes of packages will be of.
func (b *bringup) assertStorageClass(ctx context.Context, client *kube.Client) error {
	named, byDefault := b.storageClasses()
	if len(named) == 0 && len(byDefault) == 0 {
		return nil
	}
	has, err := client.StorageClasses(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, field := range slices.Sorted(maps.Keys(named)) {
		if !slices.Contains(has.Names, named[field]) {
			errs = append(errs, &StorageClassError{Field: field, Class: named[field], Has: has.Names})
		}
	}
	if len(byDefault) > 0 && !has.HasDefault {
		errs = append(errs, &NoDefaultClassError{Packages: byDefault, Has: has.Names})
	}
	return errors.Join(errs...)
}

// storageClasses are the classes that are named, by the field of the site file that names them, and the packages that ask for volumes
// and name none.
func (b *bringup) storageClasses() (named map[string]string, byDefault []string) {
	named, class := map[string]string{}, ""
	if b.site.Storage != nil && b.site.Storage.Class != "" {
		class = b.site.Storage.Class
		named["storage.class"] = class
	}
	for _, p := range b.plan.Packages {
		switch own, claims := p.StorageClass(); {
		case !claims || own != "" && own == class:
		case own == "":
			byDefault = append(byDefault, p.Name)
		default:
			named["packages.values."+p.Name+"."+p.Volumes.Class] = own
		}
	}
	return named, byDefault
}

// storageClassSteps is what a preview says of it: a class that is not there is an error, a cluster that does not answer none.
func (b *bringup) storageClassSteps(ctx context.Context, client *kube.Client) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	err := b.assertStorageClass(ctx, client)
	missing, none := (*StorageClassError)(nil), (*NoDefaultClassError)(nil)
	if err == nil || errors.As(err, &missing) || errors.As(err, &none) {
		return nil, err
	}
	return []string{"whether the cluster has the storage classes that volumes need can't be told: " + err.Error()}, nil
}
