// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/cozystack/cozy-install/bootstrap/kube"
)

const (
	storageClassesPackage = "storage-classes"
	replicatedClass       = "replicated"
	placementCount        = "linstor.csi.linbit.com/placementCount"
)

// changedClass is our class of replicated volumes where the cluster has it with another number of copies than the plan: the number
// follows the nodes with devices. Kubernetes lets nobody change the parameters of a class (ValidateStorageClassUpdate), so the
// upgrade of its release would fail for ever. Nil: there is none, or nothing to change.
func (b *bringup) changedClass(ctx context.Context, client *kube.Client) (*kube.ClassParameter, error) {
	wanted := ""
	for _, p := range b.plan.Packages {
		if p.Name == storageClassesPackage {
			copies, _, _ := unstructured.NestedFieldNoCopy(p.Values, "replicated", "copies")
			wanted = fmt.Sprint(copies)
		}
	}
	if wanted == "" {
		return nil, nil
	}
	found, err := client.ClassParameter(ctx, replicatedClass, placementCount)
	if err != nil || found == nil || found.Release != storageClassesPackage || found.Value == wanted {
		return nil, err
	}
	found.Wanted = wanted
	return found, nil
}

// freeChangedClass deletes that class, so that its release makes it again. Volumes, and claims that are bound, keep what they have: a
// class is looked at when a volume is made.
func (b *bringup) freeChangedClass(ctx context.Context, client *kube.Client) error {
	changed, err := b.changedClass(ctx, client)
	if err != nil || changed == nil {
		return err
	}
	b.log.InfoContext(ctx, "deleting a storage class that is made again with other copies; volumes stay as they are",
		"class", replicatedClass, "copies", changed.Value, "wanted", changed.Wanted)
	return client.DeleteClass(ctx, changed)
}

// changedClassSteps is what a preview says of it. A cluster that does not answer yet has no class to change.
func (b *bringup) changedClassSteps(ctx context.Context) []string {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	client, err := b.kube()
	if err != nil {
		return nil
	}
	changed, err := b.changedClass(ctx, client)
	switch {
	case err != nil:
		return []string{"whether storage class " + replicatedClass + " changes can't be told: " + err.Error()}
	case changed == nil:
		return nil
	}
	return []string{fmt.Sprintf("delete StorageClass %s and make it again: new volumes get %s copies, and no longer %s; volumes that are there keep theirs",
		replicatedClass, changed.Wanted, changed.Value)}
}
