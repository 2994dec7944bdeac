// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// How long a registry is left alone that said it is asked too much.
const (
	restUsually = 30 * time.Second
	restAtMost  = 10 * time.Minute
)

// place is where a registry's images are really fetched.
type place struct {
	registry name.Registry
	login    Login
	isPlain  bool // the operator said that it has no TLS
	isUnsent bool // it has a login, which is not sent since there is no TLS
}

// newPlace makes the place of a host's images. Plain are hosts that may be spoken to in plain HTTP, if they do not speak TLS.
func newPlace(host, mirror string, login Login, plain hosts) (place, error) {
	var options []name.Option

	isPlain := false

	if mirror != "" {
		parsed, err := url.Parse(mirror)
		if err != nil || parsed.Host == "" || (parsed.Scheme != "http" && parsed.Scheme != "https") || len(parsed.Path) > 1 {
			return place{}, errors.New("mirror " + strconv.Quote(mirror) + ": not an http(s) URL without a path")
		}

		host = parsed.Host
		isPlain = parsed.Scheme == "http"
	}

	if isPlain || plain.has(host, "") {
		options = append(options, name.Insecure)
	}

	registry, err := name.NewRegistry(host, append(options, name.StrictValidation)...)

	return place{registry: registry, login: login, isPlain: isPlain}, err
}

// reference is where an image is fetched. Hosts that nobody allowed are not asked, and neither are those that had enough.
func (u *Upstream) reference(image Image) (name.Reference, error) {
	at, ok := u.places[image.Host]
	if !ok {
		return nil, &UpstreamError{Host: image.Host, Status: http.StatusNotFound, isForeign: true}
	}

	u.mu.Lock()
	rest := time.Until(u.resting[restKey(at.registry.RegistryStr(), u.loginFor(image))])
	u.mu.Unlock()

	if rest > 0 {
		return nil, &UpstreamError{Host: image.Host, Status: http.StatusTooManyRequests, After: rest}
	}

	if image.Digest != "" {
		return at.registry.Repo(image.Path).Digest(image.Digest), nil
	}

	return at.registry.Repo(image.Path).Tag(image.Tag), nil
}

// failed turns an error of the client into one that says what the registry meant.
func (u *Upstream) failed(image Image, err error) error {
	at, as := u.places[image.Host], u.loginFor(image)
	u.dropPuller(image)

	out := &UpstreamError{Host: image.Host, Err: err}
	if answered := (*transport.Error)(nil); errors.As(err, &answered) {
		out.Status = answered.StatusCode
	}

	if out.Status == http.StatusUnauthorized || out.Status == http.StatusForbidden {
		switch {
		case at.isUnsent:
			out.advice = (&PlainLoginError{Registry: at.registry.RegistryStr()}).Hint()
		case at.login != as:
			out.advice = "if everybody who reaches the bastion's registry may have it, lend it the login: give bundle serve --image " +
				image.Host + "/" + image.Path
		}
	}

	if out.Status == http.StatusTooManyRequests {
		u.mu.Lock()
		defer u.mu.Unlock()
		out.After = max(time.Until(u.resting[restKey(at.registry.RegistryStr(), as)]), time.Second)
	}

	return out
}

// restKey is who asks which host: one who asks too much without a login keeps nobody with one from asking.
func restKey(host string, as Login) string { return as.Username + "@" + host }

// note keeps in mind that a host wants to be left alone.
func (u *Upstream) note(who, after string) {
	rest := restUsually
	if seconds, err := strconv.Atoi(after); err == nil && seconds > 0 {
		rest = min(time.Duration(seconds)*time.Second, restAtMost)
	}

	u.mu.Lock()
	defer u.mu.Unlock()
	forgetAll(u.resting)
	u.resting[who] = time.Now().Add(rest)
}

// noting sees the header of an answer that the client's errors do not carry.
type noting struct {
	http.RoundTripper

	note func(host, retryAfter string)
}

// RoundTrip implements http.RoundTripper.
func (n noting) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := n.RoundTripper.RoundTrip(request)
	if err == nil && response.StatusCode == http.StatusTooManyRequests {
		n.note(request.URL.Host, response.Header.Get("Retry-After"))
	}

	return response, err
}

// Login is the user of a registry. The zero value is nobody.
type Login struct{ Username, Password string }

func (l Login) authenticator() authn.Authenticator {
	if l == (Login{}) {
		return authn.Anonymous
	}

	return &authn.Basic{Username: l.Username, Password: l.Password}
}
