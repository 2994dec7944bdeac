// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// psql plays the client of Postgres: a file stands for the table that is made and looked for, another for that of the names. Nobody answers while there is a file
// down, and that call takes it away.
const psql = `#!/bin/sh
cd "$(dirname "$0")"
if test -e down; then rm down; exit 2; fi
for last; do :; done
case $last in
"--command=SELECT 1") echo 1 ;;
*to_regclass*) if test -e table; then echo t; else echo f; fi ;;
*"CREATE TABLE IF NOT EXISTS public.names_are_here "*) touch table ;;
*"CREATE TABLE IF NOT EXISTS public.filemeta "*) touch filemeta ;;
*) exit 1 ;;
esac
`

// storing plays SeaweedFS: a server runs until it is killed, one with a filer.toml where it works serves the files in-postgres, others
// those in filerldb2, and its shell copies names. It loses what stands in lost, and says that
// it did not; what stands in lost-once is lost once. Where cannot-save is, it saves nothing after it has loaded.
const storing = `#!/bin/sh
data=$(dirname "$0")/data
case "$*" in
*" master "*) exec sleep 60 ;;
*" filer "*)
  if test -e filer.toml; then echo in-postgres; else echo filerldb2; fi >$data/up
  exec sleep 60
  ;;
esac
served=$data/$(cat $data/served)
while read -r command rest; do
  case $command in
  fs.cd) ;;
  fs.meta.save)
    file=${rest#-o }; file=${file% /}
    if test -n "$loaded" && test -e $data/cannot-save; then echo "error: rpc error: code = Unavailable"; continue; fi
    cp $served $file
    echo "total 1 directories, $(wc -l <$served | tr -d ' ') files"
    echo "meta data for http://127.0.0.1:8890/ is saved to $file"
    ;;
  fs.meta.load)
    lost=nothing
    if test -e $data/lost; then lost=$(cat $data/lost); fi
    if test -e $data/lost-once; then lost=$(cat $data/lost-once); rm $data/lost-once; fi
    file=${rest##* }
    loaded=yes
    grep -vx "$lost" $file >$served
    echo
    echo "total 1 directories, $(wc -l <$file | tr -d ' ') files"
    echo "$file is loaded."
    ;;
  *) exit 1 ;;
  esac
done
`

// namesScript is one of the scripts that run before filers, at home in a directory.
func namesScript(t *testing.T, dir, name string) string {
	t.Helper()
	text := at(named(t, render(t, inZones(nil)), "ConfigMap", "seaweedfs-names"), "data", name).(string)
	return strings.NewReplacer("/data", dir+"/data", "/tmp/", dir+"/tmp/", "/etc/names", dir).Replace(text)
}

// runNames runs one with programs that play the others, and returns what it says.
func runNames(t *testing.T, dir, script string, args ...string) (string, error) {
	t.Helper()
	for name, text := range map[string]string{"psql": psql, "weed": storing, "wget": "#!/bin/sh\ncd $(dirname $0)/data && test -e up && mv up served\n"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o700))
	}
	file := filepath.Join(dir, script)
	require.NoError(t, os.WriteFile(file, []byte(strings.ReplaceAll(namesScript(t, dir, script), "sleep 5", ":")), 0o600))
	cmd := exec.CommandContext(t.Context(), "/bin/sh", append([]string{file}, args...)...)
	cmd.Env = []string{"PATH=" + dir + ":/usr/bin:/bin"}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func dirWith(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "data"), 0o700))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "tmp"), 0o700))
	for name, text := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	return dir
}

// TestNamesAreMarkedOnBothSides: by the marks the other filers begin, and a Postgres that lost its names is not taken for one.
func TestNamesAreMarkedOnBothSides(t *testing.T) {
	const table, names, mark = "table", "filemeta", "data/names-are-in-postgres"
	for name, c := range map[string]struct {
		does   string
		before []string
		after  []string
		fails  bool
	}{
		"nothing was moved":                       {does: "look", after: []string{names}},
		"it was moved and then broken off":        {does: "look", before: []string{table}, after: []string{table, names, mark}},
		"all was moved before":                    {does: "look", before: []string{table, mark}, after: []string{table, mark}},
		"another Postgres":                        {does: "look", before: []string{mark}, after: []string{mark}, fails: true},
		"it has moved":                            {does: "done", after: []string{table, mark}},
		"another Postgres is not marked":          {does: "done", before: []string{mark}, after: []string{mark}, fails: true},
		"Postgres comes late":                     {does: "done", before: []string{"down"}, after: []string{table, mark}},
		"others begin, and leave no marks behind": {does: "wait", before: []string{table}, after: []string{table}},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{}
			for _, one := range c.before {
				files[one] = ""
			}
			dir := dirWith(t, files)
			out, err := runNames(t, dir, "mark.sh", c.does)
			require.Equal(t, c.fails, err != nil, out)
			if c.fails {
				require.Contains(t, out, "names of objects moved to Postgres seaweedfs, and it has none")
			}
			for _, one := range []string{table, names, mark} {
				_, err := os.Stat(filepath.Join(dir, one))
				require.Equal(t, slices.Contains(c.after, one), err == nil, one)
			}
		})
	}
}

// TestNamesAreInOneTable: with one for each bucket, each filer that hears of a bucket's end drops the table of that name, also where the
// bucket is there again by then, with objects. Read in 4.31.
func TestNamesAreInOneTable(t *testing.T) {
	manifest := render(t, inZones(nil))
	settings := at(named(t, manifest, "ConfigMap", "seaweedfs-names"), "data", "filer.toml").(string)
	require.Contains(t, settings, "[postgres]\nenabled = true\n")
	require.NotContains(t, settings, "createTable")
	for _, name := range []string{"seaweedfs-filer", "seaweedfs-filer-zones"} {
		filer := at(named(t, manifest, "StatefulSet", name), "spec", "template", "spec", "containers").([]any)[0].(map[string]any)
		require.Contains(t, filer["env"], map[string]any{"name": "WEED_POSTGRES_PASSWORD", "valueFrom": map[string]any{
			"secretKeyRef": map[string]any{"name": "seaweedfs-app", "key": "password"},
		}}, name)
	}
}

// TestPostgresTakesTheConnectionsOfAllFilers and some more, for its operator and the scripts.
func TestPostgresTakesTheConnectionsOfAllFilers(t *testing.T) {
	for replicas, want := range map[int]string{1: "100", 2: "100", 20: "460"} {
		cluster := named(t, render(t, inZones(map[string]any{"filer": map[string]any{"replicas": replicas}})), "Cluster", "seaweedfs")
		require.Equal(t, want, at(cluster, "spec", "postgresql", "parameters", "max_connections"))
	}
}

// TestMetricsOfPostgresAreTaken by another than those of the storage's own pods: its instances have labels of their operator.
func TestMetricsOfPostgresAreTaken(t *testing.T) {
	scrape := named(t, render(t, inZones(nil)), "VMPodScrape", "seaweedfs-names")
	require.Equal(t, map[string]any{"cnpg.io/cluster": "seaweedfs"}, at(scrape, "spec", "selector", "matchLabels"))
	require.Equal(t, "metrics", at(scrape, "spec", "podMetricsEndpoints").([]any)[0].(map[string]any)["port"])
}

// TestPostgresStartsWhereNodesNameNoZone: zones may be told by other labels, and a demand leaves out nodes without this one.
func TestPostgresStartsWhereNodesNameNoZone(t *testing.T) {
	cluster := named(t, render(t, inZones(nil)), "Cluster", "seaweedfs")
	spread := at(cluster, "spec", "topologySpreadConstraints").([]any)[0].(map[string]any)
	require.Equal(t, "topology.kubernetes.io/zone", spread["topologyKey"])
	require.Equal(t, "ScheduleAnyway", spread["whenUnsatisfiable"])
}

// TestNamesMoveToPostgres: all, or it fails and may begin again; and what they were stays.
func TestNamesMoveToPostgres(t *testing.T) {
	const names = "a\nb\nc\n"
	read := func(dir, name string) string {
		text, err := os.ReadFile(filepath.Join(dir, "data", name))
		require.True(t, err == nil || os.IsNotExist(err))
		return string(text)
	}
	dir := dirWith(t, map[string]string{"data/filerldb2": names, "data/lost": "c", "filer.toml": ""})
	out, err := runNames(t, dir, "move.sh")
	require.Error(t, err)
	require.Contains(t, out, "in the filer's own database: 1 directories, 3 files; in Postgres: 1 directories, 2 files")

	require.NoError(t, os.WriteFile(filepath.Join(dir, "data", "cannot-save"), nil, 0o600))
	out, err = runNames(t, dir, "move.sh")
	require.Error(t, err, "what was loaded is no count of what is there")
	require.Contains(t, out, "in Postgres: unknown")
	require.NoError(t, os.Remove(filepath.Join(dir, "data", "cannot-save")))

	require.NoError(t, os.Rename(filepath.Join(dir, "data", "lost"), filepath.Join(dir, "data", "lost-once")))
	out, err = runNames(t, dir, "move.sh")
	require.NoError(t, err, out)
	require.Equal(t, names, read(dir, "in-postgres"))
	require.Equal(t, names, read(dir, "filerldb2"), "it stays as it was")
	require.Empty(t, read(dir, "names.meta.gz")+read(dir, "names.again.gz"))

	require.NoError(t, os.WriteFile(filepath.Join(dir, "data", "in-postgres"), []byte("a\nb\nc\nnewer\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "data", "names-are-in-postgres"), nil, 0o600))
	out, err = runNames(t, dir, "move.sh")
	require.NoError(t, err, out)
	require.Equal(t, "a\nb\nc\nnewer\n", read(dir, "in-postgres"), "what moved does not move again")

	fresh := dirWith(t, nil)
	out, err = runNames(t, fresh, "move.sh")
	require.NoError(t, err, out)
	require.Empty(t, read(fresh, "served"), "there is nothing to move")
}

// TestNoFilerServesNamesFromBeforeTheyMoved when the topology is Simple again by a way that no rule sees.
func TestNoFilerServesNamesFromBeforeTheyMoved(t *testing.T) {
	simple := render(t, rendering{"seaweedfs", "seaweedfs", "tenant-alpha", ordered("seaweedfs", nil)})
	filer := at(named(t, simple, "StatefulSet", "seaweedfs-filer"), "spec", "template", "spec").(map[string]any)
	require.NotNil(t, filer["initContainers"], "one that looks")
	look := filer["initContainers"].([]any)[0].(map[string]any)
	require.Equal(t, []any{"/bin/sh", "-c"}, look["command"])
	require.Contains(t, look["volumeMounts"], map[string]any{"name": "data", "mountPath": "/data"})
	run := func(files map[string]string) (string, error) {
		text := strings.ReplaceAll(look["args"].([]any)[0].(string), "/data", dirWith(t, files)+"/data")
		out, err := exec.CommandContext(t.Context(), "/bin/sh", "-c", text).CombinedOutput()
		return string(out), err
	}
	out, err := run(map[string]string{"data/filerldb2": ""})
	require.NoError(t, err, out)
	out, err = run(map[string]string{"data/filerldb2": "", "data/names-are-in-postgres": ""})
	require.Error(t, err)
	require.Contains(t, out, "topology: Simple: names of objects moved to Postgres seaweedfs")
}
