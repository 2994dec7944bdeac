// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// weed plays the shell of SeaweedFS: it keeps rules as "path type" in a file, and prints them as SeaweedFS does. Nothing answers
// while there is a file down, and that call takes it away.
const weed = `#!/bin/sh
cd "$(dirname "$0")"
if test -e down; then rm down; echo "error: no filer" >&2; exit 0; fi
while read -r command prefix what apply; do
  test "$command" = fs.configure || exit 1
  path=${prefix#-locationPrefix=}
  if test -n "$path"; then
    echo "$path $what" >>asked
    test "$apply" = -apply || exit 1
    grep -v "^$path " rules >left; mv left rules
    test "$what" = -delete || echo "$path ${what#-disk=}" >>rules
  fi
  printf '{\n  "version":  0,\n  "locations":  ['
  while read -r path disk; do
    printf '%s\n    {\n      "locationPrefix":  "%s",\n      "collection":  "",\n      "diskType":  "%s",\n      "fsync":  false\n    }' "$comma" "$path" "$disk"
    comma=,
  done <rules
  printf ']\n}\n\n'
done
`

// TestRulesOfPoolsBecomeThoseThatAreWanted runs the script of the Job. Rules that are not of pools stay as they are.
func TestRulesOfPoolsBecomeThoseThatAreWanted(t *testing.T) {
	const foreign = "/buckets/  \n/buckets/ssd-images/old/ \n/buckets/Big- ssd\n/topics/x- ssd\n"
	two := map[string]any{"ssd": pool("ssd"), "archive": pool("hdd2"), "ssd-fast": pool("nvme")}
	for name, c := range map[string]struct {
		pools        map[string]any
		before       string
		isDown       bool
		after, asked string
	}{
		"new": {
			pools: two, after: "/buckets/archive- hdd2\n/buckets/ssd- ssd\n/buckets/ssd-fast- nvme\n",
			asked: "/buckets/archive- -disk=hdd2\n/buckets/ssd- -disk=ssd\n/buckets/ssd-fast- -disk=nvme\n",
		},
		"there already": {pools: map[string]any{"ssd": pool("ssd")}, before: "/buckets/ssd- ssd\n", after: "/buckets/ssd- ssd\n"},
		"other disks and one too many": {
			pools: map[string]any{"ssd": pool("nvme")}, before: "/buckets/old- hdd2\n/buckets/ssd- ssd\n",
			after: "/buckets/ssd- nvme\n", asked: "/buckets/old- -delete\n/buckets/ssd- -delete\n/buckets/ssd- -disk=nvme\n",
		},
		"the last goes":                      {before: "/buckets/ssd- ssd\n", asked: "/buckets/ssd- -delete\n"},
		"the last goes while nobody answers": {before: "/buckets/ssd- ssd\n", isDown: true, asked: "/buckets/ssd- -delete\n"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write := func(name, text string, mode os.FileMode) {
				require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), mode))
			}
			write("weed", weed, 0o700)
			write("sleep", "#!/bin/sh\n", 0o700)
			write("rules", foreign+c.before, 0o600)
			write("asked", "", 0o600)
			if c.isDown {
				write("down", "", 0o600)
			}
			manifest := renderOn(t, withPools(c.pools), render(t, withPools(map[string]any{"any": pool("ssd")})))
			write("rules.sh", script(t, manifest), 0o600)

			cmd := exec.CommandContext(t.Context(), "/bin/sh", filepath.Join(dir, "rules.sh"))
			cmd.Env = []string{"PATH=" + dir + ":/usr/bin:/bin"}
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, string(out))
			for file, want := range map[string]string{"rules": foreign + c.after, "asked": c.asked} {
				got, err := os.ReadFile(filepath.Join(dir, file))
				require.NoError(t, err)
				require.Equal(t, want, string(got), file)
			}
		})
	}
}
