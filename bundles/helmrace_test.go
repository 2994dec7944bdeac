// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"testing"

	"github.com/stretchr/testify/require"
	"helm.sh/helm/v3/pkg/release"
	"helm.sh/helm/v3/pkg/storage"
	"helm.sh/helm/v3/pkg/storage/driver"
)

// overtaken is a storage to which somebody else is always faster.
type overtaken struct{ driver.Driver }

func (o overtaken) Create(key string, r *release.Release) error {
	if err := o.Driver.Create(key, r); err != nil {
		return err
	}
	return o.Driver.Create(key, r)
}

func TestAnotherInstallerIsNamedAsTheCause(t *testing.T) {
	m := newMemoryHelm(t)
	_, err := m.install(t, nil)
	require.NoError(t, err)
	m.cfg.Releases = storage.Init(overtaken{m.cfg.Releases.Driver})
	_, err = m.install(t, map[string]any{"classes": []any{}})
	var raced *RacedError
	require.ErrorAs(t, err, &raced)
	require.ErrorIs(t, err, driver.ErrReleaseExists)
	require.Contains(t, err.Error(), "another installer is at work on it")
	require.Contains(t, raced.Hint(), "work directory")
}
