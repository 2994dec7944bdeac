// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
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
	logins keychain
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
	resting  map[string]time.Time // hosts that are not asked before this time
}

// NewUpstream makes an Upstream for the registries that images may come from. Each has the http or https URL of a mirror to
// ask instead, without a path; an empty one means the registry itself. Logins are by registry. A nil transport is Go's own.
func NewUpstream(registries map[string]string, logins map[string]Login, web http.RoundTripper) (*Upstream, error) {
	u := &Upstream{
		places: map[string]place{}, logins: keychain{}, stall: stallTimeout, slots: make(chan struct{}, maxDownloads),
		cancels: map[int]context.CancelFunc{}, running: map[string]*download{}, pullers: map[string]*remote.Puller{},
		checked: map[string]time.Time{}, resting: map[string]time.Time{},
	}

	var wrong error

	for host, mirror := range registries {
		at, err := newPlace(host, mirror)
		if err != nil {
			wrong = errors.Join(wrong, fmt.Errorf("registry %q: %w", host, err))

			continue
		}

		u.places[host] = at
		u.logins[at.registry.RegistryStr()] = logins[host]
	}

	if web == nil {
		plain := http.DefaultTransport.(*http.Transport).Clone()
		plain.ResponseHeaderTimeout = askTimeout
		web = plain
	}

	u.web = noting{web, u.note}

	return u, wrong
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

// puller is the client of a repository, which remembers that it is logged in. It also remembers that it could not log in, so
// it is dropped after an error.
func (u *Upstream) puller(of name.Repository) (*remote.Puller, error) {
	u.mu.Lock()
	defer u.mu.Unlock()

	if puller, ok := u.pullers[of.String()]; ok {
		return puller, nil
	}

	puller, err := remote.NewPuller(remote.WithAuthFromKeychain(u.logins), remote.WithTransport(u.web),
		remote.WithUserAgent("cozy-install"), remote.WithRetryStatusCodes(http.StatusBadGateway, http.StatusServiceUnavailable))
	if err != nil {
		return nil, err
	}

	forgetAll(u.pullers)
	u.pullers[of.String()] = puller

	return puller, nil
}

func (u *Upstream) dropPuller(of name.Repository) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.pullers, of.String())
}

// forgetAll empties a map that only saves work, before it grows without bound.
func forgetAll[V any](memory map[string]V) {
	const most = 10_000
	if len(memory) >= most {
		clear(memory)
	}
}
