// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bundles/archive"
)

// loginsOf are by registry; a registry with a mirror has the mirror's. All files that can't be read are reported.
func loginsOf(s *site.Site, upstreams map[string]string) (map[string]archive.Login, error) {
	out := map[string]archive.Login{}
	var errs error
	for _, host := range slices.Sorted(maps.Keys(upstreams)) {
		asked := host
		if mirror, err := url.Parse(upstreams[host]); err == nil && mirror.Host != "" {
			asked = mirror.Host
		}
		auth, ok := s.Registries.Auth[asked]
		if !ok {
			continue
		}
		password, err := readSiteFile(s, fmt.Sprintf("registries.auth[%q].passwordFile", asked), auth.PasswordFile)
		errs = errors.Join(errs, err)
		out[host] = archive.Login{Username: auth.Username, Password: firstLine(password)}
	}
	return out, errs
}
