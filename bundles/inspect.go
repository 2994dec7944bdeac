// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

const (
	// inspectionInterval is how often packages that are not ready are looked at closely, and suspicion how long one installs
	// before it is: most are ready sooner.
	inspectionInterval = 10 * time.Second
	suspicion          = 10 * time.Second
	// inspectionTimeout bounds one answer of the cluster to that.
	inspectionTimeout = 10 * time.Second
)

// inspector finds out what keeps a package from being ready. It changes nothing.
type inspector struct {
	helm    *Helm
	kube    kubernetes.Interface
	dynamic dynamic.Interface
}

func newInspector(config *rest.Config, made clients) *inspector {
	bounded := rest.CopyConfig(config)
	bounded.Timeout = inspectionTimeout // the SDK's storage takes no context
	return &inspector{helm: NewHelm(bounded, nil), kube: made.kube, dynamic: made.dynamic}
}

// suspect is a package to look at closely.
type suspect struct {
	Package
	unwell FailingObject // what its health conditions say of it, if its release is deployed
}

// finding is what keeps a package from being ready.
type finding struct {
	name    string        // of the package
	unwell  FailingObject // as of the suspect
	known   bool          // false: it could not be looked at
	object  FailingObject
	warning Warning
}

// look asks what keeps a package from being ready, and returns when ctx ends, or after inspectionTimeout: what asks is then left
// behind, since the SDK takes no context, and ends after the time that each of its requests has.
func (i *inspector) look(ctx context.Context, p suspect) finding {
	if i == nil {
		return finding{name: p.Name}
	}
	ctx, cancel := context.WithTimeout(ctx, inspectionTimeout)
	defer cancel()
	answered := make(chan finding, 1)
	go func() { answered <- i.ask(ctx, p) }()
	select {
	case out := <-answered:
		return out
	case <-ctx.Done():
		return finding{name: p.Name}
	}
}

// ask names the first object of the package that does not exist, or that is not ready and has a warning, or the first of
// all that are not ready; of a package that has none of these, the repository that Flux can't get its chart from. A package whose
// objects can't be asked for has none: its own message must do.
func (i *inspector) ask(ctx context.Context, p suspect) finding {
	out := finding{name: p.Name, unwell: p.unwell}
	failing, err := i.helm.Unready(ctx, p.Release, p.Namespace)
	if err != nil || ctx.Err() != nil {
		return out
	}
	if out.known = true; len(failing) == 0 && p.unwell == (FailingObject{}) {
		out.object = i.unreadRepository(ctx, p.Package)
		return out
	}
	if len(failing) == 0 { // then it is what the operator made of that object
		return i.warnOf(ctx, p, out)
	}
	out.object = failing[0]
	if at := slices.IndexFunc(failing, func(o FailingObject) bool { return o.Why == doesNotExist }); at >= 0 {
		out.object = failing[at] // that others are not ready is the smaller matter
		return out
	}
	known := map[string]*warnings{} // by namespace
	for _, object := range failing {
		if known[object.Namespace] == nil {
			read, err := readWarnings(ctx, i.kube, object.Namespace)
			if err != nil {
				return out
			}
			known[object.Namespace] = read
		}
		if last := known[object.Namespace].last(objectKey{object.Kind, object.Name}); last != (Warning{}) {
			out.object, out.warning = object, last
			return out
		}
	}
	return out
}

// warnOf adds the newest warning about what belongs to an object that is unwell: of one without a namespace that is in the package's.
func (i *inspector) warnOf(ctx context.Context, p suspect, out finding) finding {
	out.object = p.unwell
	namespace := p.unwell.Namespace
	if namespace == "" {
		namespace = p.Namespace
	}
	if read, err := readWarnings(ctx, i.kube, namespace); err == nil {
		out.warning = read.last(objectKey{p.unwell.Kind, p.unwell.Name})
	}
	return out
}

// inspection looks at packages in the background, one after the other.
type inspection struct {
	ask   chan []suspect
	found chan finding
}

func newInspection() *inspection {
	return &inspection{ask: make(chan []suspect), found: make(chan finding)}
}

// run answers requests until ctx ends.
func (n *inspection) run(ctx context.Context, by *inspector) {
	for {
		select {
		case <-ctx.Done():
			return
		case packages := <-n.ask:
			for _, p := range packages {
				select {
				case n.found <- by.look(ctx, p):
				case <-ctx.Done():
					return
				}
			}
		}
	}
}

// request asks for these packages to be looked at, unless it is busy with others.
func (n *inspection) request(packages []suspect) {
	if len(packages) == 0 {
		return
	}
	select {
	case n.ask <- packages:
	default:
	}
}

// explain adds to a status what keeps the package from being ready, if that is known.
func (i *inspector) explain(ctx context.Context, p Package, status PackageStatus) PackageStatus {
	if !isUnready(status.State) {
		return status
	}
	if found := i.look(ctx, suspect{Package: p}); found.known {
		status.Object, status.Warning = found.object, found.warning
	}
	return status
}

// Unready lists the objects of a release's newest revision that are not as Helm waits for them, in the order in which Helm
// makes them, the hooks that run or failed last. No release: none.
func (h *Helm) Unready(ctx context.Context, name, namespace string) ([]FailingObject, error) {
	cfg, last, err := h.newest(ctx, name, namespace)
	if err != nil || last == nil {
		return nil, err
	}
	manifests := last.Manifest
	for _, hook := range last.Hooks {
		if hook.LastRun.Phase == "Running" || hook.LastRun.Phase == "Failed" {
			manifests += "\n---\n" + hook.Manifest
		}
	}
	return unready(ctx, cfg, manifests)
}

func (h *Helm) isReady(ctx context.Context, p Package) bool {
	found, err := h.Unready(ctx, p.Release, p.Namespace)
	return err == nil && len(found) == 0
}

// objects are those of a release's newest revision, as the chart renders them. No release: none.
func (h *Helm) objects(ctx context.Context, name, namespace string) ([]*unstructured.Unstructured, error) {
	_, last, err := h.newest(ctx, name, namespace)
	if err != nil || last == nil {
		return nil, err
	}
	return objectsOf(last.Manifest)
}
