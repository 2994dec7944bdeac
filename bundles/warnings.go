// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

const (
	// eventPage is how many objects are asked for at once, and eventPages how often: a namespace with more warnings or pods is
	// told of as far as it is known.
	eventPage  = 500
	eventPages = 4
)

// warnings is what Kubernetes warns of in one namespace, and who owns the objects that it warns of.
type warnings struct {
	events []corev1.Event
	owners map[objectKey][]objectKey // of what runs pods, of pods, and of the claims that pods use
}

// objectKey is an object in a namespace.
type objectKey struct{ kind, name string }

func readWarnings(ctx context.Context, client kubernetes.Interface, namespace string) (*warnings, error) {
	w := &warnings{owners: map[objectKey][]objectKey{}}
	for _, read := range []func(context.Context, metav1.ListOptions) (string, error){
		func(ctx context.Context, o metav1.ListOptions) (string, error) {
			o.FieldSelector = "type=" + corev1.EventTypeWarning
			list, err := client.CoreV1().Events(namespace).List(ctx, o)
			if err != nil {
				return "", err
			}
			w.events = append(w.events, list.Items...)
			return list.Continue, nil
		},
		func(ctx context.Context, o metav1.ListOptions) (string, error) {
			list, err := client.AppsV1().Deployments(namespace).List(ctx, o)
			if err != nil {
				return "", err
			}
			for i := range list.Items {
				w.noteOwners("Deployment", &list.Items[i].ObjectMeta)
			}
			return list.Continue, nil
		},
		func(ctx context.Context, o metav1.ListOptions) (string, error) {
			list, err := client.AppsV1().StatefulSets(namespace).List(ctx, o)
			if err != nil {
				return "", err
			}
			for i := range list.Items {
				w.noteOwners("StatefulSet", &list.Items[i].ObjectMeta)
			}
			return list.Continue, nil
		},
		func(ctx context.Context, o metav1.ListOptions) (string, error) {
			list, err := client.AppsV1().ReplicaSets(namespace).List(ctx, o)
			if err != nil {
				return "", err
			}
			for i := range list.Items {
				w.noteOwners("ReplicaSet", &list.Items[i].ObjectMeta)
			}
			return list.Continue, nil
		},
		func(ctx context.Context, o metav1.ListOptions) (string, error) {
			list, err := client.CoreV1().Pods(namespace).List(ctx, o)
			if err != nil {
				return "", err
			}
			for i := range list.Items {
				w.notePod(&list.Items[i])
			}
			return list.Continue, nil
		},
	} {
		if err := eachPage(ctx, read); err != nil {
			return nil, fmt.Errorf("read the warnings in namespace %s: %w", namespace, err)
		}
	}
	return w, nil
}

// eachPage lists the pages there are, up to eventPages.
func eachPage(ctx context.Context, list func(context.Context, metav1.ListOptions) (next string, err error)) error {
	options := metav1.ListOptions{Limit: eventPage}
	for range eventPages {
		next, err := list(ctx, options)
		if err != nil || next == "" {
			return err
		}
		options.Continue = next
	}
	return nil
}

func (w *warnings) notePod(pod *corev1.Pod) {
	w.noteOwners("Pod", &pod.ObjectMeta)
	for _, volume := range pod.Spec.Volumes {
		if claim := volume.PersistentVolumeClaim; claim != nil {
			key := objectKey{"PersistentVolumeClaim", claim.ClaimName}
			w.owners[key] = append(w.owners[key], objectKey{"Pod", pod.Name})
		}
	}
}

func (w *warnings) noteOwners(kind string, object *metav1.ObjectMeta) {
	key := objectKey{kind, object.Name}
	for _, owner := range object.OwnerReferences {
		w.owners[key] = append(w.owners[key], objectKey{owner.Kind, owner.Name})
	}
}

// last is the newest warning about an object, what runs its pods, its pods, or their claims. Zero: there is none.
func (w *warnings) last(object objectKey) Warning {
	var out Warning
	var newest time.Time
	for i := range w.events {
		event := &w.events[i]
		about := objectKey{event.InvolvedObject.Kind, event.InvolvedObject.Name}
		if at := timeOf(event); w.belongs(about, object, 0) && (newest.IsZero() || at.After(newest)) {
			newest = at
			out = Warning{Kind: about.kind, Name: about.name, Reason: cut(event.Reason), Message: cut(event.Message)}
		}
	}
	return out
}

// belongs reports whether one object is another, or owned by it. The longest way is claim, pod, ReplicaSet,
// Deployment, and the custom resource that an operator made it for.
func (w *warnings) belongs(one, to objectKey, steps int) bool {
	if one == to {
		return true
	}
	if steps == 4 { // also: owners in a circle
		return false
	}
	for _, owner := range w.owners[one] {
		if w.belongs(owner, to, steps+1) {
			return true
		}
	}
	return false
}

// timeOf is when an event was seen last.
func timeOf(e *corev1.Event) time.Time {
	switch {
	case e.Series != nil && !e.Series.LastObservedTime.IsZero():
		return e.Series.LastObservedTime.Time
	case !e.LastTimestamp.IsZero():
		return e.LastTimestamp.Time
	case !e.EventTime.IsZero():
		return e.EventTime.Time
	}
	return e.CreationTimestamp.Time
}
