// SPDX-License-Identifier: Apache-2.0

package bundles

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Package is one Helm release of the platform, as packages/<name>.yaml says it.
type Package struct {
	Name        string `json:"name"` // a DNS label, at most 53 characters; the name of its file and of its HelmRelease
	Title       string `json:"title"`
	Description string `json:"description,omitempty"`

	Release   string `json:"release,omitempty"` // Helm's release name, at most 53 characters. Empty: Name
	Namespace string `json:"namespace"`
	// Privileged lets the namespace run pods that use the host: its Pod Security level becomes "privileged". One such
	// package is enough for a namespace that several share.
	Privileged bool  `json:"privileged,omitempty"`
	Chart      Chart `json:"chart"`

	// The chart's values are merged in this order, later ones winning: Values, ByPlatform, ByBundle, FromSite, and what
	// the operator chose.
	Values           map[string]any            `json:"values,omitempty"`
	ValuesByPlatform map[string]map[string]any `json:"valuesByPlatform,omitempty"` // by Set.Platform
	ValuesByBundle   map[string]map[string]any `json:"valuesByBundle,omitempty"`   // by Set.Name
	// FromSite puts facts of the site into values: dotted path of the value -> name of the fact. A fact that the site does
	// not give leaves the value as it is; if there is none, that is a mistake.
	FromSite map[string]string `json:"fromSite,omitempty"`

	DependsOn []string `json:"dependsOn,omitempty"` // packages that must be Ready before
	Provides  []string `json:"provides,omitempty"`  // names of the CRDs in its chart: helmreleases.helm.toolkit.fluxcd.io
	Needs     []string `json:"needs,omitempty"`     // names of the CRDs whose objects its chart contains
	// Presence names CRDs which, established without a release of ours, mean that somebody else has installed this already:
	// it is used as it is. Only for packages of the core. Empty: the package is always installed.
	Presence []string `json:"presence,omitempty"`

	Health Health `json:"health,omitzero"`
	// Stateful packages hold data. Nothing here uninstalls any package to repair it; removal will ask before these.
	Stateful bool `json:"stateful,omitempty"`

	Talos          TalosRequirements `json:"talos,omitzero"`
	NeedsKubeProxy bool              `json:"needsKubeProxy,omitempty"` // conflicts with talos.disableKubeProxy
	// NodeRemoval says in words what a person must do before a node is taken out, such as moving its replicas of storage.
	NodeRemoval []string `json:"nodeRemoval,omitempty"`
	Images      []string `json:"images,omitempty"` // every image of the release as it is by default
}

// Chart says where a package's chart is: either Embedded, or Repository, Name and Version.
type Chart struct {
	Embedded string `json:"embedded,omitempty"` // name among our own charts

	Repository string `json:"repository,omitempty"` // URL of an HTTP repository
	Name       string `json:"name,omitempty"`       // in that repository
	// Version is exact. In a Plan it is that of an embedded chart too.
	Version string `json:"version,omitempty"`
	// Digest is the SHA-256 of the archive in hexadecimal. Core checks it; Flux can't. Empty: the repository's index is
	// believed.
	Digest string `json:"digest,omitempty"`
}

// ChartName is the name in Chart.yaml, wherever the chart is.
func (c Chart) ChartName() string {
	if c.Embedded != "" {
		return c.Embedded
	}
	return c.Name
}

// Health says when a package counts as healthy. Always: every object of its release is ready, as Helm sees it.
type Health struct {
	Timeout metav1.Duration `json:"timeout,omitzero"` // of one attempt. Zero: DefaultTimeout
}

// TalosRequirements is what packages and bundles ask of Talos Linux. Its fields are those of talos.Requirements.
type TalosRequirements struct {
	Extensions    []string          `json:"extensions,omitempty"` // siderolabs/drbd
	KernelModules []KernelModule    `json:"kernelModules,omitempty"`
	Sysctls       map[string]string `json:"sysctls,omitempty"`
	Files         []File            `json:"files,omitempty"`
	KernelArgs    []string          `json:"kernelArgs,omitempty"`
	// KubeletExtraConfig is merged into the kubelet's configuration.
	KubeletExtraConfig map[string]any `json:"kubeletExtraConfig,omitempty"`
	DisableKubeProxy   bool           `json:"disableKubeProxy,omitempty"`
	CNI                string         `json:"cni,omitempty"` // none, flannel or custom. Empty: no opinion
}

// KernelModule is loaded at boot.
type KernelModule struct {
	Name       string   `json:"name"`
	Parameters []string `json:"parameters,omitempty"`
}

// File is written to the node's disk at boot.
type File struct {
	Path    string `json:"path"`
	Content string `json:"content"`
	// Op is create, append or overwrite. A wrong one makes the node reboot for ever. Empty: create.
	Op string `json:"op,omitempty"`
	// Permissions are Unix mode bits. Zero: Talos's default.
	Permissions uint32 `json:"permissions,omitempty"`
}

// Set is a bundle, as sets/<name>.yaml says it.
type Set struct {
	Name        string `json:"name"`
	Title       string `json:"title"`
	Description string `json:"description,omitempty"`
	// Missing says in plain words what the bundle does not contain yet. Empty: it is complete.
	Missing  string `json:"missing,omitempty"`
	Platform string `json:"platform"` // Talos or Generic
	// Core names the packages that the rest can't be installed without. Plan.Core is their closure.
	Core   []string          `json:"core"`
	Layers []Layer           `json:"layers"`
	Talos  TalosRequirements `json:"talos,omitzero"` // of the bundle as a whole; only with platform talos
}

// Platforms of a Set.
const (
	Talos   = "talos"
	Generic = "generic" // an existing cluster
)

// Layer is a group of packages for people to read; order comes from dependencies.
type Layer struct {
	Name     string   `json:"name"`
	Packages []Member `json:"packages"`
}

// Member is a package of a Set.
type Member struct {
	Name     string `json:"name"`
	Optional bool   `json:"optional,omitempty"` // off unless enabled
}
