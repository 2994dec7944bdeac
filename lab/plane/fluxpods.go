// SPDX-License-Identifier: Apache-2.0

package plane

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// simulatedAnnotation says of an object of the lab what it stands for.
const simulatedAnnotation = "lab.cozystack.io/simulated"

// makeFluxDeployments makes the Deployments by which others see that Flux runs in the cluster. Their pods are played: the controllers
// are processes beside the cluster, which do their work whatever becomes of these. The pods run as soon as there is a node.
func (p *Plane) makeFluxDeployments(ctx context.Context) error {
	for _, name := range []string{SourceControllerProcess, HelmControllerProcess} {
		selector := map[string]string{"app": name}
		labels := fluxLabels()
		labels["app"], labels[componentLabel] = name, name
		deployment := &appsv1.Deployment{
			ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels, Annotations: map[string]string{
				simulatedAnnotation: "these pods do nothing: the lab runs " + name + " as a process beside the cluster",
			}},
			Spec: appsv1.DeploymentSpec{
				Selector: &metav1.LabelSelector{MatchLabels: selector},
				Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{
					HostNetwork: true, // like the processes, they need no network of pods
					Tolerations: []corev1.Toleration{{Operator: corev1.TolerationOpExists}},
					Containers:  []corev1.Container{{Name: "simulated", Image: "lab.invalid/simulated-" + name + ":lab"}},
				}},
			},
		}
		if _, err := p.client.AppsV1().Deployments(fluxNamespace).Create(ctx, deployment, metav1.CreateOptions{}); err != nil {
			return fmt.Errorf("make the simulated Deployment of %s: %w", name, err)
		}
	}
	return nil
}
