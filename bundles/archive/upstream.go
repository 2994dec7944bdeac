// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote"
	"golang.org/x/sync/singleflight"
)

// Bounds of what is asked of other registries.
const (
	askTimeout   = 30 * time.Second // for a manifest, and for the head of a blob
	staleTimeout = 5 * time.Second  // for whether a tag that we have has moved
	stallTimeout = time.Minute      // without a byte of a blob
	maxDownloads = 8                // at a time
)

// Upstream fetches what a store lacks from the registries that the images are named after, each thing once however many ask.
// Close it when nobody uses it any more.
type Upstream struct {
	places map[string]place
	lends  map[string]bool // repositories that the logins are for: quay.io/cilium/cilium
	allows Exceptions
	named  hosts
	web    http.RoundTripper
	stall  time.Duration
	slots  chan struct{}
	once   singleflight.Group // of manifests

	mu       sync.Mutex
	isClosed bool
	work     sync.WaitGroup
	cancels  map[int]context.CancelFunc // of what runs
	begun    int
	running  map[string]*download // by repository and digest
	pullers  map[string]*remote.Puller
	checked  map[string]time.Time // when a tag need not be compared with upstream's before
	resting  map[string]time.Time // who is not asked before this time
}

// UpstreamOptions say what may be pulled through.
type UpstreamOptions struct {
	// Registries are those that images may come from. Each has the http or https URL of a mirror to ask instead, without a
	// path; an empty one means the registry itself. One with http:// is spoken to in plain HTTP.
	Registries map[string]string
	// Logins are by registry. They are lent for the repositories of Images alone: whoever reaches the registry could else read
	// whatever the logins can. Everything else is asked for as nobody in particular.
	Logins map[string]Login
	Images []string // names of images, whatever their tags are
	Allow  Exceptions
	// Transport is the network; nil means the real one.
	Transport http.RoundTripper
	// Log is told of logins that are not sent. Nil: nobody is.
	Log *slog.Logger
}

// NewUpstream makes an Upstream. All that is wrong with the options is told at once.
func NewUpstream(o UpstreamOptions) (*Upstream, error) {
	u := &Upstream{
		places: map[string]place{}, lends: map[string]bool{}, allows: o.Allow, stall: stallTimeout, slots: make(chan struct{}, maxDownloads),
		cancels: map[int]context.CancelFunc{}, running: map[string]*download{}, pullers: map[string]*remote.Puller{},
		checked: map[string]time.Time{}, resting: map[string]time.Time{},
	}

	var wrong error

	for _, host := range slices.Sorted(maps.Keys(o.Registries)) {
		at, err := newPlace(host, o.Registries[host], o.Logins[host], o.Allow.plain())
		if err == nil {
			u.add(host, at, o.Log)
		}

		if err != nil {
			wrong = errors.Join(wrong, fmt.Errorf("registry %q: %w", host, err))
		}
	}

	for _, text := range o.Images {
		image, err := ParseImage(text)
		wrong = errors.Join(wrong, err)
		u.lends[repositoryOf(image)] = true
	}

	u.named = hostsOf(u.registries()...).and(hostsOf(o.Allow.Follow...))
	if u.web = o.Transport; u.web == nil {
		u.web = newNetwork(u.named)
	}

	return u, wrong
}

// add takes a place; without its login, if that would be for everybody on the way to read: the other registries are served
// all the same.
func (u *Upstream) add(host string, at place, log *slog.Logger) {
	asked := at.registry.RegistryStr()
	if at.isPlain {
		u.allows.PlainHTTP = append(slices.Clone(u.allows.PlainHTTP), asked)
	}

	if at.isPlain && at.login != (Login{}) && !hostsOf(u.allows.PlainLogin...).has(asked, "") {
		at.login, at.isUnsent = Login{}, true
		if unsent := (&PlainLoginError{Registry: asked}); log != nil {
			log.Warn("a registry is asked without its login", "registry", asked, "err", unsent, "hint", unsent.Hint())
		}
	}

	u.places[host] = at
}

func (u *Upstream) registries() []string {
	out := make([]string, 0, len(u.places))
	for _, at := range u.places {
		out = append(out, at.registry.RegistryStr())
	}

	return out
}

// Close stops what is being fetched, and waits for it. It may be called twice.
func (u *Upstream) Close() {
	u.mu.Lock()
	u.isClosed = true

	for _, cancel := range u.cancels {
		cancel()
	}
	u.mu.Unlock()

	u.work.Wait()
}

// begin makes a context that does not end with the request which was the first to want something: others may want it by now.
// It ends with the time, with Close, or with the returned function, which must be called. Zero: there is no limit of time.
func (u *Upstream) begin(ctx context.Context, limit time.Duration) (context.Context, func(), error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	if limit > 0 {
		ctx, cancel = context.WithTimeout(ctx, limit)
	}

	u.mu.Lock()
	defer u.mu.Unlock()

	if u.isClosed {
		cancel()

		return nil, nil, context.Canceled
	}

	u.begun++
	id := u.begun
	u.cancels[id] = cancel
	u.work.Add(1)

	return ctx, func() {
		cancel()
		u.mu.Lock()
		delete(u.cancels, id)
		u.mu.Unlock()
		u.work.Done()
	}, nil
}

// puller is the client of an image's repository, which remembers that it is logged in. It also remembers that it could not
// log in, so it is dropped after an error.
func (u *Upstream) puller(image Image) (*remote.Puller, error) {
	at, as := u.places[image.Host], u.loginFor(image)
	key := repositoryOf(image)

	u.mu.Lock()
	defer u.mu.Unlock()

	if puller, ok := u.pullers[key]; ok {
		return puller, nil
	}

	host := at.registry.RegistryStr()
	network := noting{u.web, func(asked, after string) { u.note(restKey(asked, as), after) }}
	puller, err := remote.NewPuller(remote.WithAuth(as.authenticator()),
		remote.WithTransport(newGuard(host, as != (Login{}), u.allows, u.named, network)),
		remote.WithUserAgent("cozy-install"), remote.WithRetryStatusCodes(http.StatusBadGateway, http.StatusServiceUnavailable))
	if err != nil {
		return nil, err
	}

	forgetAll(u.pullers)
	u.pullers[key] = puller

	return puller, nil
}

// repositoryOf is an image without its tag: quay.io/cilium/cilium.
func repositoryOf(image Image) string { return image.Host + "/" + image.Path }

// loginFor is that of an image's registry, if it is lent for that image.
func (u *Upstream) loginFor(image Image) Login {
	if !u.lends[repositoryOf(image)] {
		return Login{}
	}

	return u.places[image.Host].login
}

func (u *Upstream) dropPuller(image Image) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.pullers, repositoryOf(image))
}

// forgetAll empties a map that only saves work, before it grows without bound.
func forgetAll[V any](memory map[string]V) {
	const most = 10_000
	if len(memory) >= most {
		clear(memory)
	}
}
