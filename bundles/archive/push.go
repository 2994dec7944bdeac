// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/distribution/reference"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// pushTimeout bounds a push as a whole: 80 MB over a line of 1 Mbit/s take eleven minutes.
const pushTimeout = 30 * time.Minute

// PushError says that a registry did not take an image.
type PushError struct {
	Reference string // of the image there
	Err       error
}

func (e *PushError) Error() string { return fmt.Sprintf("push to %s: %v", e.Reference, e.Err) }
func (e *PushError) Unwrap() error { return e.Err }

// Hint tells what helps, if that is known.
func (e *PushError) Hint() string {
	var refused *transport.Error
	var plain *PlainHTTPError
	var login *PlainLoginError
	switch {
	case errors.As(e.Err, &login):
		return "give --insecure-login if everybody on the network up to the registry may read the login"
	case errors.As(e.Err, &plain), errors.Is(e.Err, http.ErrSchemeMismatch):
		return "give --insecure if the registry has no TLS, and the network up to it is trusted"
	case errors.As(e.Err, &refused) && (refused.StatusCode == http.StatusUnauthorized || refused.StatusCode == http.StatusForbidden):
		return "log in first, with docker login or any program that keeps logins in ~/.docker/config.json, as somebody who may push there"
	}
	return ""
}

// Push gives the image to a registry, with the login that Docker's config has for it, and returns its name there by digest.
// A reference without a tag gets the image's version. Insecure allows plain HTTP, which is allowed on loopback anyway. An
// error of the registry is a *PushError. What the registry has already is not sent again. InsecureLogin sends the login in
// plain HTTP too, which is not done on loopback either without it.
func (i *ControllerImage) Push(ctx context.Context, to string, insecure, insecureLogin bool) (string, error) {
	return i.push(ctx, to, insecure, insecureLogin, nil)
}

// push takes the network of a test; nil means the real one.
func (i *ControllerImage) push(ctx context.Context, to string, insecure, insecureLogin bool, network http.RoundTripper) (string, error) {
	named, err := i.destination(to)
	if err != nil {
		return "", err
	}
	options := []name.Option{name.StrictValidation}
	if insecure || insecureLogin {
		options = append(options, name.Insecure)
	}
	tag, err := name.NewTag(named.String(), options...)
	if err != nil {
		return "", &ReferenceError{to, err.Error()}
	}
	ctx, cancel := context.WithTimeout(ctx, pushTimeout)
	defer cancel()
	login, err := authn.DefaultKeychain.Resolve(tag.Registry)
	if err != nil {
		return "", &PushError{named.String(), err}
	}
	host, allowed := tag.RegistryStr(), Exceptions{}
	if insecure || insecureLogin {
		allowed.PlainHTTP = []string{host}
	}
	if insecureLogin {
		allowed.PlainLogin = allowed.PlainHTTP
	}
	if network == nil {
		own := newNetwork(hostsOf(host))
		defer own.CloseIdleConnections()
		network = own
	}
	err = remote.WriteIndex(tag, i.Index, remote.WithContext(ctx), remote.WithAuth(login),
		remote.WithTransport(newGuard(host, !isAnonymous(login), allowed, nil, network)), remote.WithUserAgent("cozy-install/"+i.Version))
	if err != nil {
		return "", &PushError{named.String(), err}
	}
	return reference.TrimNamed(named).String() + "@" + i.Digest.String(), nil
}

// destination reads where to push to, and gives it a tag if it has none.
func (i *ControllerImage) destination(to string) (reference.NamedTagged, error) {
	named, err := reference.ParseNormalizedNamed(to)
	if err != nil {
		return nil, &ReferenceError{to, err.Error()}
	}
	if _, ok := named.(reference.Digested); ok {
		return nil, &ReferenceError{to, "the digest follows from the image"}
	}
	if tagged, ok := named.(reference.NamedTagged); ok {
		return tagged, nil
	}
	tagged, err := reference.WithTag(named, tagOf(i.Version))
	if err != nil {
		return nil, &ReferenceError{to, err.Error()}
	}
	return tagged, nil
}

// ReferenceError says that a text names no place for an image.
type ReferenceError struct{ Text, Reason string }

func (e *ReferenceError) Error() string {
	return fmt.Sprintf("image reference %q: %s", e.Text, e.Reason)
}

// Hint shows a right one.
func (e *ReferenceError) Hint() string {
	return "REGISTRY/REPOSITORY or REGISTRY/REPOSITORY:TAG, such as registry.example.org/cozy/cozy-controller"
}
