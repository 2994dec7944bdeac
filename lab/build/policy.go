// SPDX-License-Identifier: Apache-2.0

package build

import (
	"context"
	"time"
)

// PolicyEngine returns the absolute path of the program that asks Cilium's policy engine, building it if it is missing, as
// [Tools] does. With an empty Go build cache it takes about 270 CPU-seconds.
func PolicyEngine(ctx context.Context, cfg Config) (string, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return "", err
	}
	path, err := cfg.buildAll(ctx, []program{{name: "policy", module: "policy", pkg: ".", cost: 270 * time.Second}})
	if err != nil {
		return "", err
	}
	return path("policy", "policy"), nil
}
