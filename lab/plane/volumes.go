// SPDX-License-Identifier: Apache-2.0

package plane

import (
	"context"
	"fmt"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// podMounts writes the ConfigMaps that the pod's first container mounts whole, as a kubelet does, and gives the directory of each by
// where the container has it. Like a kubelet it does not start a program whose ConfigMap is not there; unlike one it does not write
// again what changes later.
func (k *kubelet) podMounts(ctx context.Context, pod *corev1.Pod) (map[string]string, error) {
	mounts := map[string]string{}
	if len(pod.Spec.Containers) == 0 {
		return mounts, nil
	}
	for _, mount := range pod.Spec.Containers[0].VolumeMounts {
		for _, volume := range pod.Spec.Volumes {
			if volume.Name != mount.Name || volume.ConfigMap == nil {
				continue
			}
			found, err := k.plane.client.CoreV1().ConfigMaps(pod.Namespace).Get(ctx, volume.ConfigMap.Name, metav1.GetOptions{})
			if err != nil {
				return nil, fmt.Errorf("mount ConfigMap %s/%s: %w", pod.Namespace, volume.ConfigMap.Name, err)
			}
			under := filepath.Join("pods", pod.Namespace+"-"+pod.Name, "volumes", volume.Name)
			for key, text := range found.Data {
				path, err := k.plane.writeFile(filepath.Join(under, key), []byte(text))
				if err != nil {
					return nil, err
				}
				mounts[mount.MountPath] = filepath.Dir(path)
			}
		}
	}
	return mounts, nil
}
