// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
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
	var astray *AstrayError
	switch {
	case errors.As(e.Err, &astray):
		return astray.Hint()
	case errors.As(e.Err, &login):
		return "give --insecure-login if everybody on the network up to the registry may read the login"
	case errors.As(e.Err, &plain), errors.Is(e.Err, http.ErrSchemeMismatch):
		return "give --insecure if the registry has no TLS, and the network up to it is trusted"
	case errors.As(e.Err, &refused) && (refused.StatusCode == http.StatusUnauthorized || refused.StatusCode == http.StatusForbidden):
		return "log in first, with docker login or any program that keeps logins in ~/.docker/config.json, as somebody who may push there"
	}
	return ""
}

// PushOptions say what a registry is trusted with beyond TLS. The zero value allows nothing.
type PushOptions struct {
	// Insecure allows plain HTTP, which is allowed to the registry itself on loopback anyway.
	Insecure bool
	// InsecureLogin sends the login in plain HTTP too, which is not done on loopback either without it.
	InsecureLogin bool
	// Follow are hosts that the registry may lead to although they are on a private network, or that may be its token service
	// although they have nothing to do with its name. What is allowed beyond TLS is allowed for them too.
	Follow []string
}

func (o PushOptions) exceptions(registry string) Exceptions {
	out, all := Exceptions{Follow: o.Follow}, append([]string{registry}, o.Follow...)
	if o.Insecure || o.InsecureLogin {
		out.PlainHTTP = all
	}
	if o.InsecureLogin {
		out.PlainLogin = all
	}
	return out
}

// Push gives the image to a registry, with the login that Docker's config has for it, and returns its name there by digest.
// A reference without a tag gets the image's version. An error of the registry is a *PushError. What the registry has already
// is not sent again.
func (i *ControllerImage) Push(ctx context.Context, to string, o PushOptions) (string, error) {
	return i.push(ctx, to, o, nil)
}

// push takes the network of a test; nil means the real one.
func (i *ControllerImage) push(ctx context.Context, to string, o PushOptions, network http.RoundTripper) (string, error) {
	named, err := i.destination(to)
	if err != nil {
		return "", err
	}
	options := []name.Option{name.StrictValidation}
	if o.Insecure || o.InsecureLogin {
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
	host := tag.RegistryStr()
	allowed := o.exceptions(host)
	if network == nil {
		own := newNetwork(hostsOf(host).and(hostsOf(o.Follow...)))
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
	if !namesRegistry(to) {
		return nil, &ReferenceError{to, "it names no registry, and would be Docker Hub's " + named.String()}
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

// namesRegistry tells REGISTRY/REPOSITORY from the short names that go to a public registry, by Docker's rule: a registry's name has
// a dot or a port, or is localhost. docker.io, written out, is one.
func namesRegistry(to string) bool {
	registry, _, more := strings.Cut(to, "/")
	return more && (registry == "localhost" || strings.ContainsAny(registry, ".:"))
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
