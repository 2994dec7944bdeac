// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/credentials"
	"oras.land/oras-go/v2/registry/remote/errcode"
)

// The media types of a Helm chart in an OCI registry (helm.sh/helm/v3/pkg/registry, constants.go). Older ones, of Helm before
// 3.7, are refused.
const (
	ChartConfigType = "application/vnd.cncf.helm.config.v1+json"
	ChartLayerType  = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
)

const (
	registry      = "oci://"
	plainRegistry = "oci+http://"
	// maxOCIManifest bounds the manifest of a chart. One has some 500 bytes; the registries' own limit is 4 MiB.
	maxOCIManifest = 1 << 20
)

// IsOCI reports whether the chart comes from an OCI registry.
func (c Chart) IsOCI() bool { return strings.HasPrefix(c.Repository, registry) || c.isPlainHTTP() }

// isPlainHTTP reports whether that registry speaks HTTP without TLS. That is always said, never guessed: a guess by address
// would send whoever forgot TLS the same way as whoever has none.
func (c Chart) isPlainHTTP() bool { return strings.HasPrefix(c.Repository, plainRegistry) }

// ociURL is the repository as Helm and Flux write it, however it is spoken to: oci+http://10.0.0.1:5000/charts ->
// oci://10.0.0.1:5000/charts.
func (c Chart) ociURL() string {
	if rest, plain := strings.CutPrefix(c.Repository, plainRegistry); plain {
		return registry + rest
	}
	return c.Repository
}

// registryHost is the registry itself, with a port where it has one: oci://10.0.0.1:5000/charts -> 10.0.0.1:5000.
func (c Chart) registryHost() string {
	host, _, _ := strings.Cut(strings.TrimPrefix(c.ociURL(), registry), "/")
	return host
}

// ociChart is a chart's place in a registry.
type ociChart struct {
	repository *remote.Repository
	chart      Chart
}

// openOCI makes the client of a chart's place; nothing is asked yet. Registries that want a login get that of docker's
// configuration, as `helm registry login` and `docker login` leave it, but never in plain HTTP.
func openOCI(client *http.Client, c Chart) (*ociChart, error) {
	repository, err := remote.NewRepository(strings.TrimPrefix(strings.TrimSuffix(c.ociURL(), "/"), registry) + "/" + c.Name)
	if err != nil {
		return nil, fmt.Errorf("chart repository %s: chart %s: %w", c.Repository, c.Name, err)
	}
	logins, err := credentials.NewStoreFromDocker(credentials.StoreOptions{})
	if err != nil {
		return nil, fmt.Errorf("read the logins of docker's configuration: %w", err)
	}
	repository.PlainHTTP, repository.MaxMetadataBytes = c.isPlainHTTP(), maxOCIManifest
	asking := &auth.Client{Client: client, Cache: auth.NewCache()}
	if !c.isPlainHTTP() { // a login would be for everybody on the way to read
		asking.Credential = credentials.Credential(logins)
	}
	repository.Client = asking
	return &ociChart{repository: repository, chart: c}, nil
}

// tag is the version as registries take it, by Helm's rule: they have no +.
func (o *ociChart) tag() string { return strings.ReplaceAll(o.chart.Version, "+", "_") }

// find is what the chart's manifest is. An error that is errdef.ErrNotFound says that the registry has no such chart.
func (o *ociChart) find(ctx context.Context) (ocispec.Descriptor, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	found, err := o.repository.Resolve(ctx, o.tag())
	if errors.Is(err, http.ErrSchemeMismatch) {
		return found, &PlainHTTPError{Repository: o.chart.Repository}
	}
	return found, o.denied(err)
}

// fetchOCI reads a chart from its registry. What it reads is held against the manifest's digest, which is the package's, or
// else what the registry answers.
func fetchOCI(ctx context.Context, client *http.Client, c Chart) ([]byte, error) {
	place, err := openOCI(client, c)
	if err != nil {
		return nil, err
	}
	found, err := place.find(ctx)
	if err != nil {
		return nil, fmt.Errorf("chart %s %s: ask %s: %w", c.Name, c.Version, c.Repository, err)
	}
	if got := found.Digest.Encoded(); c.Digest != "" && got != c.Digest {
		return nil, fmt.Errorf("chart %s %s from %s: SHA-256 of its manifest is %s, want %s", c.Name, c.Version, c.Repository, got, c.Digest)
	}
	archive, err := place.read(ctx, found)
	if err != nil {
		return nil, fmt.Errorf("chart %s %s from %s: %w", c.Name, c.Version, c.Repository, err)
	}
	return archive, nil
}

func (o *ociChart) read(ctx context.Context, manifest ocispec.Descriptor) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	if manifest.Size > maxOCIManifest {
		return nil, fmt.Errorf("its manifest has %d bytes, more than %d", manifest.Size, maxOCIManifest)
	}
	raw, err := content.FetchAll(ctx, o.repository, manifest) // checks size and digest
	if err != nil {
		return nil, fmt.Errorf("read its manifest: %w", o.denied(err))
	}
	layer, err := chartLayer(raw)
	if err != nil {
		return nil, err
	}
	archive, err := content.FetchAll(ctx, o.repository, layer)
	if err != nil {
		return nil, fmt.Errorf("read its content: %w", o.denied(err))
	}
	return archive, nil
}

// chartLayer finds the packed chart in a manifest that a registry sent.
func chartLayer(raw []byte) (ocispec.Descriptor, error) {
	var manifest ocispec.Manifest
	if err := json.Unmarshal(raw, &manifest); err != nil {
		return ocispec.Descriptor{}, fmt.Errorf("its manifest: %w", err)
	}
	if got := manifest.Config.MediaType; got != ChartConfigType {
		return ocispec.Descriptor{}, fmt.Errorf("not a Helm chart: its configuration is of type %q, want %s", got, ChartConfigType)
	}
	for _, layer := range manifest.Layers {
		if layer.MediaType != ChartLayerType {
			continue // a provenance file, for one
		}
		if layer.Size < 0 || layer.Size > maxArchive {
			return ocispec.Descriptor{}, fmt.Errorf("its content has %d bytes, at most %d are taken", layer.Size, maxArchive)
		}
		return layer, layer.Digest.Validate()
	}
	return ocispec.Descriptor{}, fmt.Errorf("no layer of type %s", ChartLayerType)
}

// isAbsent says that a registry answered, and has no such chart.
func isAbsent(err error) bool { return errors.Is(err, errdef.ErrNotFound) }

// denied makes a *DeniedError of what a registry says that wants a login; any other error stays as it is.
func (o *ociChart) denied(err error) error {
	var answer *errcode.ErrorResponse
	wants := errors.Is(err, auth.ErrBasicCredentialNotFound) ||
		errors.As(err, &answer) && (answer.StatusCode == http.StatusUnauthorized || answer.StatusCode == http.StatusForbidden)
	if !wants {
		return err
	}
	return &DeniedError{Registry: o.chart.registryHost(), Plain: o.chart.isPlainHTTP(), Err: err}
}
