// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestARepositoryThatIsNoImagesIsNone(t *testing.T) {
	for name, test := range map[string]struct {
		values map[string]any
		want   []string
	}{
		"of backups":    {map[string]any{"repository": "backups"}, nil},
		"of a path":     {map[string]any{"repository": "team/backups"}, nil},
		"with a host":   {map[string]any{"repository": "quay.io/a/b"}, []string{"quay.io/a/b:latest"}},
		"with a tag":    {map[string]any{"repository": "nginx", "tag": "v1"}, []string{"docker.io/library/nginx:latest"}},
		"with a digest": {map[string]any{"repository": "a/b", "digest": "sha256:0"}, []string{"docker.io/a/b:latest"}},
		"of a registry": {map[string]any{"repository": "a/b", "registry": "quay.io"}, []string{"quay.io/any:latest"}},
	} {
		require.Equal(t, test.want, imagesIn(test.values), name)
	}
}
