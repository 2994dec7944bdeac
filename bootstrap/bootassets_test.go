// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap/site"
)

func TestASiteNeedsNotPinItsBootFiles(t *testing.T) {
	s := parseSite(t, "", "")
	require.Nil(t, s.Assets)
	require.Empty(t, wantedAssets(s).Pinned)

	s.Assets = &site.Assets{SHA256: map[string]string{"kernel-amd64": "00"}}
	require.Equal(t, s.Assets.SHA256, wantedAssets(s).Pinned)
}
