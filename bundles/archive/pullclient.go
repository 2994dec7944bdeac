// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"fmt"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// newPuller makes a puller of images from the registries that they name, or from source. A nil network is the real one.
func newPuller(c cache, s Saving, platforms []v1.Platform) *puller {
	p := &puller{
		cache: c, source: strings.TrimSuffix(s.Source, "/"), platforms: platforms, allow: s.Allow, network: s.Transport,
		clients: map[string]*remote.Puller{},
	}
	var registries []string
	for _, wanted := range s.Images {
		if image, err := ParseImage(wanted.Name); err == nil {
			if reference, err := p.reference(image); err == nil {
				registries = append(registries, reference.Context().RegistryStr())
			}
		}
	}
	p.named = hostsOf(registries...).and(hostsOf(s.Allow.Follow...))
	if p.network == nil {
		p.network = newNetwork(p.named)
	}
	return p
}

// client asks one registry. Those that want a login get that of docker's configuration.
func (p *puller) client(of name.Registry) (*remote.Puller, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	host := of.RegistryStr()
	if client, ok := p.clients[host]; ok {
		return client, nil
	}
	login, err := authn.DefaultKeychain.Resolve(of)
	if err != nil {
		return nil, fmt.Errorf("docker's login of %s: %w", host, err)
	}
	client, err := remote.NewPuller(remote.WithAuth(login), remote.WithUserAgent("cozy-install"),
		remote.WithTransport(newGuard(host, !isAnonymous(login), p.allow, p.named, p.network)))
	if err == nil {
		p.clients[host] = client
	}
	return client, err
}

// reference is where an image is read.
func (p *puller) reference(image Image) (name.Reference, error) {
	repository, host := image.Host+"/"+image.Path, image.Host
	if p.source != "" {
		repository = p.source + "/" + image.Repository()
		host, _, _ = strings.Cut(repository, "/")
	}
	var options []name.Option
	if p.allow.plain().has(host, "") {
		options = append(options, name.Insecure)
	}
	if image.Digest != "" {
		return name.NewDigest(repository+"@"+image.Digest, options...)
	}
	return name.NewTag(repository+":"+image.Tag, options...)
}
