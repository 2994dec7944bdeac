// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/kube"
	"helm.sh/helm/v3/pkg/release"
	"helm.sh/helm/v3/pkg/storage/driver"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

// Helm installs releases with the Helm SDK, which nothing else of this program touches. It repairs nothing by
// uninstalling or rolling back: a release that failed is upgraded, so objects that hold data stay.
type Helm struct {
	// open makes what the SDK needs for one operation on one release.
	open func(name, namespace string) (*action.Configuration, error)
	// crds is who applies the CRDs of charts. Nil: Helm makes those that are missing.
	crds dynamic.Interface
}

// NewHelm makes a Helm for the cluster of that config. A nil log drops the SDK's messages.
func NewHelm(config *rest.Config, log *slog.Logger) *Helm {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Helm{open: func(name, namespace string) (*action.Configuration, error) {
		return configuration(config, namespace, log.With("release", namespace+"/"+name))
	}}
}

// newest reads the newest revision of a release; nil: there is none.
func (h *Helm) newest(ctx context.Context, name, namespace string) (*action.Configuration, *release.Release, error) {
	cfg, err := h.open(name, namespace)
	if err = errors.Join(ctx.Err(), err); err != nil { // the SDK's storage takes no context
		return nil, nil, err
	}
	last, err := cfg.Releases.Last(name)
	if err != nil && !errors.Is(err, driver.ErrReleaseNotFound) {
		return nil, nil, fmt.Errorf("read helm release %s/%s: %w", namespace, name, err)
	}
	return cfg, last, nil
}

// uninstall takes a release away, and waits for its objects to be gone, for at most that time: until then it can be found
// again. One that is not there is none to take away. It takes no context.
func (h *Helm) uninstall(name, namespace string, timeout time.Duration) error {
	cfg, err := h.open(name, namespace)
	if err != nil {
		return err
	}
	run := action.NewUninstall(cfg)
	run.IgnoreNotFound, run.Wait, run.Timeout = true, true, timeout
	_, err = run.Run(name)
	return err
}

// installOrUpgrade is one attempt of InstallOrUpgrade.
func (h *Helm) installOrUpgrade(ctx context.Context, p Package, archive []byte, wait bool, timeout time.Duration) (bool, error) {
	loaded, err := loader.LoadArchive(bytes.NewReader(archive))
	if err != nil {
		return false, fmt.Errorf("load chart %s: %w", p.Chart.ChartName(), err)
	}
	mark, err := releaseDigest(archive, p)
	if err != nil {
		return false, fmt.Errorf("values of package %s: %w", p.Name, err)
	}
	cfg, err := h.open(p.Release, p.Namespace)
	if err != nil {
		return false, err
	}
	if err := chartutil.ProcessDependenciesWithMerge(loaded, p.Values); err != nil { // which of them have CRDs to apply
		return false, fmt.Errorf("chart %s: %w", p.Chart.ChartName(), err)
	}
	next := revision{of: p, chart: loaded, mark: mark, wait: wait, timeout: timeout, crds: h.crds}
	last, err := cfg.Releases.Last(p.Release)
	carryOut := next.upgrade
	switch {
	case errors.Is(err, driver.ErrReleaseNotFound), err == nil && last.Info.Status == release.StatusUninstalled:
		carryOut, err = next.install, nil
	case err != nil: // named below
	case last.Info.Status == release.StatusDeployed && last.Labels[digestLabel] == mark && (!wait || h.isReady(ctx, p)):
		return false, nil
	default:
		err = recoverRelease(cfg, last)
	}
	if err == nil {
		err = next.applyCRDs(ctx)
	}
	if err == nil {
		err = carryOut(ctx, cfg)
	}
	if errors.Is(err, driver.ErrReleaseExists) { // the revision after the last: Helm numbers them
		return true, &RacedError{Release: p.Namespace + "/" + p.Release, Err: err}
	}
	if err != nil {
		return true, fmt.Errorf("helm release %s/%s: %w", p.Namespace, p.Release, occupiedBy(p, err))
	}
	return true, nil
}

// revision is a release as it shall become.
type revision struct {
	of      Package
	chart   *chart.Chart
	mark    string // for digestLabel
	wait    bool
	timeout time.Duration
	crds    dynamic.Interface // see Helm
}

func (r revision) install(ctx context.Context, cfg *action.Configuration) error {
	run := action.NewInstall(cfg)
	run.ReleaseName, run.Namespace = r.of.Release, r.of.Namespace
	run.Labels = map[string]string{digestLabel: r.mark}
	run.Wait, run.WaitForJobs, run.Timeout = r.wait, r.wait, r.timeout
	run.Replace, run.SkipCRDs = true, r.crds != nil // a name may be that of a revision that was uninstalled
	run.TakeOwnership = r.of.Adopts
	run.PostRenderer = patcher{r.of.Patches}
	_, err := run.RunWithContext(ctx, r.chart, r.of.Values)
	return err
}

func (r revision) upgrade(ctx context.Context, cfg *action.Configuration) error {
	run := action.NewUpgrade(cfg)
	run.Namespace = r.of.Namespace
	run.Labels = map[string]string{digestLabel: r.mark}
	run.Wait, run.WaitForJobs, run.Timeout = r.wait, r.wait, r.timeout
	run.ResetValues = true // else a package whose last value was taken away would keep it
	run.TakeOwnership = r.of.Adopts
	run.PostRenderer = patcher{r.of.Patches}
	run.MaxHistory = maxHistory
	_, err := run.RunWithContext(ctx, r.of.Release, r.chart, r.of.Values)
	return err
}

// preview is the release as an upgrade would make it now. Nothing is changed; what stands in the way, an installation says.
func (h *Helm) preview(ctx context.Context, p Package, archive []byte) (*release.Release, error) {
	loaded, err := loader.LoadArchive(bytes.NewReader(archive))
	if err != nil {
		return nil, fmt.Errorf("load chart %s: %w", p.Chart.ChartName(), err)
	}
	cfg, err := h.open(p.Release, p.Namespace)
	if err != nil {
		return nil, err
	}
	run := action.NewUpgrade(cfg)
	run.DryRun, run.DryRunOption = true, "server" // a chart may look things up
	run.Namespace, run.ResetValues, run.TakeOwnership, run.PostRenderer = p.Namespace, true, true, patcher{p.Patches}
	return run.RunWithContext(ctx, p.Release, loaded, p.Values)
}

// recoverRelease makes a release that was left in the middle of something one that can be upgraded.
func recoverRelease(cfg *action.Configuration, last *release.Release) error {
	status := last.Info.Status
	if !status.IsPending() && status != release.StatusUnknown && status != release.StatusUninstalling {
		return nil
	}
	last.SetStatus(release.StatusFailed, "interrupted while "+last.Info.Status.String())
	if err := cfg.Releases.Update(last); err != nil {
		return fmt.Errorf("mark revision %d as failed: %w", last.Version, err)
	}
	return nil
}

// unready looks once at every object of the manifests, with the eyes of the SDK's own wait.
func unready(ctx context.Context, cfg *action.Configuration, manifests string) ([]FailingObject, error) {
	objects, err := cfg.KubeClient.Build(bytes.NewBufferString(manifests), false)
	if err != nil {
		return nil, err
	}
	client, err := cfg.KubernetesClientSet()
	if err != nil {
		return nil, err
	}
	var out []FailingObject
	why := ""
	say := func(format string, args ...any) { why = fmt.Sprintf(format, args...) }
	checker := kube.NewReadyChecker(client, say, kube.PausedAsReady(true), kube.CheckJobs(true))
	for _, object := range objects {
		ready, err := false, object.Get()
		if why = ""; err == nil {
			ready, err = checker.IsReady(ctx, object)
		}
		if !ready || err != nil {
			out = append(out, failingObject(object.Mapping.GroupVersionKind.Kind, object.Namespace, object.Name, why, err))
		}
	}
	return out, ctx.Err()
}

func configuration(config *rest.Config, namespace string, log *slog.Logger) (*action.Configuration, error) {
	getter, err := newClusterGetter(config, namespace)
	cfg := &action.Configuration{}
	if err == nil {
		err = cfg.Init(getter, namespace, "secret", func(format string, args ...any) { log.Debug(fmt.Sprintf(format, args...)) })
	}
	if err != nil {
		return nil, fmt.Errorf("prepare Helm for namespace %s: %w", namespace, err)
	}
	cfg.Releases.MaxHistory = maxHistory
	return cfg, nil
}

// Render makes the objects of a package without a cluster, those of its crds directory and its hooks included. A chart that
// looks things up in the cluster finds nothing there. The version of Kubernetes is that of the site: v1.34.4.
func Render(ctx context.Context, p Package, archive []byte, kubernetes string) ([]*unstructured.Unstructured, error) {
	loaded, err := loader.LoadArchive(bytes.NewReader(archive))
	if err != nil {
		return nil, fmt.Errorf("load chart %s: %w", p.Chart.ChartName(), err)
	}
	if loaded.Metadata.Version != p.Chart.Version {
		return nil, fmt.Errorf("chart %s: its version is %s, not %s", p.Chart.ChartName(), loaded.Metadata.Version, p.Chart.Version)
	}
	kubeVersion, err := chartutil.ParseKubeVersion(kubernetes)
	if err != nil {
		return nil, fmt.Errorf("version of Kubernetes %q: %w", kubernetes, err)
	}
	run := action.NewInstall(&action.Configuration{Log: func(string, ...any) {}})
	run.ClientOnly, run.DryRun, run.IncludeCRDs = true, true, true
	run.ReleaseName, run.Namespace = p.Release, p.Namespace
	run.KubeVersion, run.APIVersions = kubeVersion, apiVersions(p.Needs)
	run.PostRenderer = patcher{p.Patches}
	rendered, err := run.RunWithContext(ctx, loaded, p.Values)
	if err != nil {
		return nil, fmt.Errorf("render chart %s: %w", p.Chart.ChartName(), err)
	}
	text := rendered.Manifest
	for _, hook := range rendered.Hooks {
		if !slices.Equal(hook.Events, []release.HookEvent{release.HookTest}) { // nobody runs `helm test`
			text += "\n---\n" + hook.Manifest
		}
	}
	return objectsOf(text)
}
