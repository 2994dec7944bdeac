// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"

	"github.com/cozystack/cozy-install/tenant/policy"
)

// readSite reads the file that --site names. Without one it is nil: the site is unknown.
func readSite(path string) (*policy.Site, error) {
	if path == "" {
		return nil, nil
	}

	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read --site: %w", err)
	}

	site, err := policy.ReadSite(text)
	if err != nil {
		return nil, fmt.Errorf("read --site %s: %w", path, err)
	}

	return &site, nil
}
