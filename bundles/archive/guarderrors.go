// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"errors"
	"fmt"
)

var (
	errTooLong       = errors.New("the answer is longer than it may be")
	errManyRedirects = errors.New("it leads elsewhere too often")
)

// isForbidden reports whether asking again changes nothing before an operator does.
func isForbidden(err error) bool {
	var plain *PlainHTTPError
	var login *PlainLoginError
	var astray *AstrayError
	return errors.As(err, &plain) || errors.As(err, &login) || errors.As(err, &astray) || errors.Is(err, errManyRedirects)
}

// PlainHTTPError says that a host was not spoken to because it has no TLS.
type PlainHTTPError struct {
	Host     string
	Registry string // that is it, or that led there
}

func (e *PlainHTTPError) Error() string {
	if e.Host == e.Registry || e.Registry == "" {
		return fmt.Sprintf("plain HTTP to %s is not allowed", e.Host)
	}
	return fmt.Sprintf("plain HTTP to %s, where %s leads, is not allowed", e.Host, e.Registry)
}

// Hint says how to allow it.
func (e *PlainHTTPError) Hint() string {
	if e.Host != e.Registry {
		return "if " + e.Host + " has no TLS, and the network up to it is trusted, give --insecure=" + e.Host +
			"; or name a registry that leads on by HTTPS"
	}
	return "if " + e.Registry + " has no TLS, and the network up to it is trusted, give --insecure=" + e.Registry +
		", or give it in the site file as a mirror with http://"
}

// PlainLoginError says that a registry's login was not sent for everybody on the way to read.
type PlainLoginError struct{ Registry string }

func (e *PlainLoginError) Error() string {
	return fmt.Sprintf("the login of %s is not sent in plain HTTP", e.Registry)
}

// Hint says how to allow it.
func (e *PlainLoginError) Hint() string {
	return "give the registry TLS; or, if everybody on the network up to it may read the login, give --insecure-login=" + e.Registry
}

// AstrayError says that a registry led to where it may not lead.
type AstrayError struct {
	Registry string // empty: not known
	Host     string
	Why      string // which is on a private network
}

func (e *AstrayError) Error() string {
	if e.Registry == "" {
		return fmt.Sprintf("not led to %s, %s", e.Host, e.Why)
	}
	return fmt.Sprintf("%s leads to %s, %s: not followed", e.Registry, e.Host, e.Why)
}

// Hint says how to allow it.
func (e *AstrayError) Hint() string { return "if that is right, give --follow=" + e.Host }
