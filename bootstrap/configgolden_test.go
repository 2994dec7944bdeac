// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/talos"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestTheConfigsOfEveryBundleAreAsRecorded shows what each bundle asks of a control plane and a worker, in each form of the
// configs. Secrets are left out; the packages of talos record every other feature of a config.
func TestTheConfigsOfEveryBundleAreAsRecorded(t *testing.T) {
	secrets, err := os.ReadFile("../talos/testdata/secrets-test-only.yaml")
	require.NoError(t, err)
	for _, bundle := range []string{site.PaaSFull, site.DistroFull} {
		for _, version := range []string{"v1.11.6", "v1.12.6", "v1.13.9"} {
			s := machineSiteWith(t, "bundle: paas-full", "bundle: "+bundle)
			b := withoutSecrets(t, s)
			require.NoError(t, b.dir.Write(t.Context(), workdir.SecretsFile, secrets))
			running := map[string]string{}
			for _, node := range s.Nodes {
				running[node.Name] = version
			}
			configs, err := b.machineConfigs(s.Nodes, running)
			require.NoError(t, err)
			for i, config := range configs {
				scrubber, err := talos.NewScrubber(nil, nil, secrets, config)
				require.NoError(t, err)
				golden := filepath.Join("testdata", "configs", fmt.Sprintf("%s-%s-%s.yaml", bundle, version, s.Nodes[i].Role))
				got := scrubber.Scrub(config)
				if *update {
					require.NoError(t, os.MkdirAll(filepath.Dir(golden), 0o755))
					require.NoError(t, os.WriteFile(golden, got, 0o644))
				}
				want, err := os.ReadFile(golden)
				require.NoError(t, err)
				require.Equal(t, string(want), string(got), golden)
			}
		}
	}
}
