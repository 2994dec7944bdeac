// SPDX-License-Identifier: Apache-2.0

package bundles

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

	// The chart's values are merged in this order, later ones winning: Values, ByPlatform, ByBundle, With, FromSite, and what
	// the operator chose.
	Values           map[string]any            `json:"values,omitempty"`
	ValuesByPlatform map[string]map[string]any `json:"valuesByPlatform,omitempty"` // by Set.Platform
	ValuesByBundle   map[string]map[string]any `json:"valuesByBundle,omitempty"`   // by Set.Name
	// FromSite puts facts of the site into values: dotted path of the value -> name of the fact. A fact that the site does
	// not give leaves the value as it is; if there is none, that is a mistake.
	FromSite map[string]string `json:"fromSite,omitempty"`
	// Volumes says where values ask for volumes. Nil: the package makes none by itself.
	Volumes *Volumes `json:"volumes,omitempty"`
	// DefaultsNeed says which values, as they are by default, point to what another package makes.
	DefaultsNeed []DefaultNeed `json:"defaultsNeed,omitempty"`

	DependsOn []string `json:"dependsOn,omitempty"` // packages that must be there, and Ready before
	After     []string `json:"after,omitempty"`     // packages that must be Ready before, where they are in the plan
	Provides  []CRD    `json:"provides,omitempty"`
	Needs     []string `json:"needs,omitempty"` // names of the CRDs whose objects its chart contains
	// With adds what the package has only where another one is in the plan too, by that one's name. It is ordered after it.
	With map[string]Addition `json:"with,omitempty"`
	// Conflicts names packages that do the same in another way: who enables the one disables the others.
	Conflicts []string `json:"conflicts,omitempty"`
	// Presence names Deployments which, all in one namespace and without a release of ours, mean that somebody else has installed
	// this already: it is used as it is. Only for packages of the core. Empty: the package is always installed.
	Presence []string `json:"presence,omitempty"`

	// Adopts lets the release take over, on an existing cluster, objects that are there and belong to others, which go with it when
	// it is removed. In a Plan true where the operator chose so, too.
	Adopts bool `json:"adopts,omitempty"`

	// Patches change what the chart renders, where it has no value for it. Helm and Flux apply them after rendering.
	Patches []Patch `json:"patches,omitempty"`

	Health Health `json:"health,omitzero"`
	// Stateful packages hold data. Nothing here uninstalls any package to repair it; removal will ask before these.
	Stateful bool `json:"stateful,omitempty"`

	Talos          TalosRequirements `json:"talos,omitzero"`
	NeedsKubeProxy bool              `json:"needsKubeProxy,omitempty"` // conflicts with talos.disableKubeProxy
	// NodeRemoval is what is done when a node is taken out, in order, such as moving its replicas of storage.
	NodeRemoval []NodeStep `json:"nodeRemoval,omitempty"`
	// Images are all of the release as it is by default. ${kubernetesVersion} in a name is that of the site.
	Images []string `json:"images,omitempty"`
}

// CRD is a Custom Resource Definition that a package brings.
type CRD struct {
	Name string `json:"name"` // helmreleases.helm.toolkit.fluxcd.io
	From string `json:"from"` // FromChart or FromRuntime
}

// Where a CRD comes from.
const (
	FromChart   = "chart"   // it is there when the release is installed
	FromRuntime = "runtime" // the package's program registers it when it runs: who needs it waits until it exists
)

// DefaultNeed is a package without which the operator has to choose one of the values.
type DefaultNeed struct {
	Package string   `json:"package"`
	Bundles []string `json:"bundles,omitempty"` // only there. Empty: everywhere
	Values  []string `json:"values"`            // dotted paths
}

// Addition is what a package has more where another one is there too: objects of its kinds, mostly.
type Addition struct {
	Values map[string]any `json:"values,omitempty"` // merged over ValuesByBundle
	Needs  []string       `json:"needs,omitempty"`
	Images []string       `json:"images,omitempty"`
}

// Patch is a strategic merge patch, or a JSON patch if it is a list, as Kustomize takes them.
type Patch struct {
	Target   PatchTarget `json:"target"`
	Platform string      `json:"platform,omitempty"` // only there. Empty: everywhere
	Patch    string      `json:"patch"`              // YAML
}

// PatchTarget selects rendered objects; an empty Name stands for all of that kind.
type PatchTarget struct {
	Kind string `json:"kind"`
	Name string `json:"name,omitempty"` // a regular expression, anchored
}

// Chart says where a package's chart is: Embedded; or Repository, Name and Version; or Manifests, Name and Version.
type Chart struct {
	Embedded string `json:"embedded,omitempty"` // name among our own charts

	// Repository is the URL of an HTTP repository, or of an OCI one: oci://quay.io/strimzi-helm. In a Plan it may also be
	// oci+http://10.0.0.1:5000/charts, an OCI registry without TLS.
	Repository string `json:"repository,omitempty"`
	// Manifests are YAML files of an upstream that has no chart. They become one, of that name, in memory.
	Manifests []Manifest `json:"manifests,omitempty"`
	Name      string     `json:"name,omitempty"` // in that repository
	// Version is exact. In a Plan it is that of an embedded chart too.
	Version string `json:"version,omitempty"`
	// Digest is a SHA-256 in hexadecimal: of the archive, or of an OCI chart's manifest. Shelf checks it. Empty: the
	// repository is believed.
	Digest string `json:"digest,omitempty"`
}

// Manifest is a YAML file of Kubernetes objects.
type Manifest struct {
	URL    string `json:"url"`
	Digest string `json:"digest,omitempty"` // its SHA-256 in hexadecimal. Empty: nobody has measured it; its server is believed
	// ConfigMap keeps the file as it is, for an operator that reads it there and installs what is in it. Nil: the chart
	// has the file's objects.
	ConfigMap *InConfigMap `json:"configMap,omitempty"`
}

// InConfigMap is a file's place in a ConfigMap of the package's namespace. Files with the same Name share one.
type InConfigMap struct {
	Name string `json:"name"`
	Key  string `json:"key"`
	// Labels and Annotations of all its files are the ConfigMap's.
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
	// Gzip packs the file: a ConfigMap holds no more than 1 MiB.
	Gzip bool `json:"gzip,omitempty"`
}

// ChartName is the name in Chart.yaml, wherever the chart is.
func (c Chart) ChartName() string {
	if c.Embedded != "" {
		return c.Embedded
	}
	return c.Name
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

	alternatives []string // found by Load
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
