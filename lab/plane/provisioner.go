// SPDX-License-Identifier: Apache-2.0

package plane

import (
	"context"
	"log/slog"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/cache"
)

const (
	// StorageClass is the name of the cluster's default class.
	StorageClass = "host-path"
	// hostPathProvisioner is not kube-controller-manager's own, which makes directories in the machine's /tmp and leaves them.
	hostPathProvisioner = "lab.cozystack.io/host-path"
	// provisionedBy tells the controller manager that deleting the volume is our business.
	provisionedBy = "pv.kubernetes.io/provisioned-by"
)

// provisioner plays a CSI driver for the default class: a claim gets a volume at once. No directory is made, since no pod
// looks at it.
type provisioner struct {
	client  kubernetes.Interface
	dir     string
	claims  corelisters.PersistentVolumeClaimLister
	volumes corelisters.PersistentVolumeLister
	claim   *loop // keys: namespace/name
	volume  *loop // keys: names
}

func newProvisioner(client kubernetes.Interface, dir string, log *slog.Logger, factory informers.SharedInformerFactory) (*provisioner, error) {
	core := factory.Core().V1()
	p := &provisioner{client: client, dir: dir, claims: core.PersistentVolumeClaims().Lister(), volumes: core.PersistentVolumes().Lister()}
	p.claim = newLoop("provisioner's claims", log, p.syncClaim)
	p.volume = newLoop("provisioner's volumes", log, p.syncVolume)
	err := p.claim.on(core.PersistentVolumeClaims().Informer(), func(object any) []string {
		claim := object.(*corev1.PersistentVolumeClaim)
		return []string{claim.Namespace + "/" + claim.Name}
	})
	if err != nil {
		return nil, err
	}
	return p, p.volume.on(core.PersistentVolumes().Informer(), func(object any) []string {
		return []string{object.(*corev1.PersistentVolume).Name}
	})
}

// run plays until ctx ends.
func (p *provisioner) run(ctx context.Context) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.volume.run(ctx, 1)
	}()
	p.claim.run(ctx, 1)
	<-done
}

// syncClaim makes the volume of an unbound claim of our class; the controller manager binds the two.
func (p *provisioner) syncClaim(ctx context.Context, key string) error {
	namespace, name, err := cache.SplitMetaNamespaceKey(key)
	if err != nil {
		return err
	}
	claim, err := p.claims.PersistentVolumeClaims(namespace).Get(name)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	class := claim.Spec.StorageClassName
	if claim.DeletionTimestamp != nil || claim.Spec.VolumeName != "" || class == nil || *class != StorageClass {
		return nil
	}
	volume := &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: "pvc-" + string(claim.UID), Annotations: map[string]string{provisionedBy: hostPathProvisioner}},
		Spec: corev1.PersistentVolumeSpec{
			StorageClassName: StorageClass, AccessModes: claim.Spec.AccessModes, VolumeMode: claim.Spec.VolumeMode,
			PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimDelete,
			Capacity:                      corev1.ResourceList{corev1.ResourceStorage: claim.Spec.Resources.Requests[corev1.ResourceStorage]},
			ClaimRef:                      &corev1.ObjectReference{Kind: "PersistentVolumeClaim", APIVersion: "v1", Namespace: namespace, Name: name, UID: claim.UID},
			PersistentVolumeSource: corev1.PersistentVolumeSource{HostPath: &corev1.HostPathVolumeSource{
				Path: filepath.Join(p.dir, "volumes", namespace, name),
			}},
		},
	}
	_, err = p.client.CoreV1().PersistentVolumes().Create(ctx, volume, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return wrap(err, "make a volume for claim %s", key)
}

// syncVolume deletes our volumes whose claims are gone.
func (p *provisioner) syncVolume(ctx context.Context, name string) error {
	volume, err := p.volumes.Get(name)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if volume.Status.Phase != corev1.VolumeReleased || volume.Annotations[provisionedBy] != hostPathProvisioner {
		return nil
	}
	err = p.client.CoreV1().PersistentVolumes().Delete(ctx, name, metav1.DeleteOptions{})
	return wrap(ignoreNotFound(err), "delete volume %s", name)
}
