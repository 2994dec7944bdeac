// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/talos"
)

// SiteFileError says that a file which the site file names can't be used. It never quotes the file.
type SiteFileError struct {
	Field string // registries.ca
	Path  string
	Err   error
}

func (e *SiteFileError) Error() string { return fmt.Sprintf("%s: %s: %v", e.Field, e.Path, e.Err) }
func (e *SiteFileError) Unwrap() error { return e.Err }

// Hint says where the file is looked for.
func (e *SiteFileError) Hint() string {
	return "paths in a site file start at the site file's own directory; a password's file holds the password alone"
}

// maxSiteFile bounds a file that the site file names: the largest holds some hundred certificates.
const maxSiteFile = 1 << 20

// addSurroundings reads what machine configs need of the files that the site names: logins, certificates, the proxy's
// password. Only those who write machine configs need them. All files that can't be used are reported.
func addSurroundings(s *site.Site, c *talos.Cluster) error {
	var errs []error
	read := func(field, path string) string {
		text, err := readSiteFile(s, field, path)
		errs = append(errs, err)
		return text
	}
	for _, host := range slices.Sorted(maps.Keys(s.Registries.Auth)) {
		auth := s.Registries.Auth[host]
		if c.Registries.Auth == nil {
			c.Registries.Auth = map[string]talos.RegistryAuth{}
		}
		password := read(fmt.Sprintf("registries.auth[%q].passwordFile", host), auth.PasswordFile)
		c.Registries.Auth[host] = talos.RegistryAuth{Username: auth.Username, Password: talos.Hidden(firstLine(password))}
	}
	if s.Registries.CA != "" {
		c.Registries.TrustedRoots = read("registries.ca", s.Registries.CA)
		if err := talos.CheckRoots(c.Registries.TrustedRoots); err != nil && c.Registries.TrustedRoots != "" {
			errs = append(errs, &SiteFileError{"registries.ca", s.File(s.Registries.CA), err})
		}
	}
	if s.Proxy != nil {
		proxy, err := proxy(s, read)
		c.Proxy = proxy
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func proxy(s *site.Site, read func(field, path string) string) (*talos.HTTPProxy, error) {
	out := &talos.HTTPProxy{}
	for _, network := range []netip.Prefix{s.Network.PodSubnet, s.Network.JoinSubnet} {
		if network.IsValid() { // without Kube-OVN there is neither
			out.Except = append(out.Except, network.String())
		}
	}
	out.Except = append(out.Except, s.Proxy.NoProxy...)
	if file := s.Proxy.CredentialsFile; file != "" {
		out.Login = talos.Hidden(firstLine(read("proxy.credentialsFile", file)))
		if out.Login != "" && !strings.Contains(string(out.Login), ":") {
			return nil, &SiteFileError{"proxy.credentialsFile", s.File(file), errors.New(`not "user:password"`)}
		}
	}
	for _, one := range []struct {
		field, text string
		into        **url.URL
	}{{"proxy.http", s.Proxy.HTTP, &out.HTTP}, {"proxy.https", s.Proxy.HTTPS, &out.HTTPS}} {
		if one.text == "" {
			continue
		}
		parsed, err := url.Parse(one.text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", one.field, err)
		}
		*one.into = parsed
	}
	return out, nil
}

func readSiteFile(s *site.Site, field, path string) (string, error) {
	file, err := os.Open(s.File(path))
	if err != nil {
		return "", &SiteFileError{field, s.File(path), errors.Unwrap(err)} // the path is said
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxSiteFile+1))
	switch {
	case err != nil:
	case len(data) > maxSiteFile:
		err = fmt.Errorf("larger than %d MiB", maxSiteFile>>20)
	case strings.TrimSpace(string(data)) == "":
		err = errors.New("empty")
	default:
		return string(data), nil
	}
	return "", &SiteFileError{field, s.File(path), err}
}

// firstLine is a password as editors write it: with a line break that is no part of it.
func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return strings.TrimSuffix(line, "\r")
}
