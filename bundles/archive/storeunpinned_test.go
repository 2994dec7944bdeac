// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNothingIsCollectedWhereAnOlderProgramLoadedAnArchive(t *testing.T) {
	store := newStore(t)
	content, root := layoutOf(t, ChartRepository("cilium"), "1.2.3", twoPlatforms(t))
	_, err := store.Load(t.Context(), unlinked{content}, []Root{root}, nil)
	require.NoError(t, err)
	require.NoError(t, os.RemoveAll(filepath.Join(store.dir, pinFolder)), "an older program makes none")
	image, other := layoutOf(t, "quay.io/team/controller", "v1", twoPlatforms(t))
	_, err = store.Load(t.Context(), unlinked{image}, []Root{other}, nil)
	require.NoError(t, err, "this one pins what it loads itself")

	done, err := store.Collect(t.Context(), 0, nil)
	var unpinned *UnpinnedError
	require.ErrorAs(t, err, &unpinned)
	require.Contains(t, unpinned.Hint(), "--archive")
	require.Zero(t, done.Removed)

	_, err = store.Load(t.Context(), unlinked{content}, []Root{root}, nil)
	require.NoError(t, err)
	done, err = store.Collect(t.Context(), 0, nil)
	require.NoError(t, err)
	require.Zero(t, done.Removed)
	require.NoError(t, pullAll(t, serve(t, store)+"/charts/cilium:1.2.3"))
}
