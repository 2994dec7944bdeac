// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/cozystack/cozy-install/bootstrap/kube"
	"github.com/cozystack/cozy-install/bundles"
)

func TestAClassWithOtherCopiesIsDeletedSoThatItsReleaseMakesItAgain(t *testing.T) {
	for name, tc := range map[string]struct {
		release, copies string
		plans           any // copies of the plan; nil: it has no storage classes
		stays           bool
	}{
		"fewer copies":         {release: "storage-classes", copies: "3", plans: int64(2)},
		"more copies":          {release: "storage-classes", copies: "1", plans: 3},
		"the same":             {release: "storage-classes", copies: "3", plans: int64(3), stays: true},
		"somebody else's":      {release: "their-storage", copies: "3", plans: int64(2), stays: true},
		"made by hand":         {copies: "3", plans: int64(2), stays: true},
		"not of this platform": {release: "storage-classes", copies: "3", stays: true},
	} {
		t.Run(name, func(t *testing.T) {
			class := &storagev1.StorageClass{
				ObjectMeta: metav1.ObjectMeta{Name: "replicated", UID: "one", Annotations: map[string]string{"meta.helm.sh/release-name": tc.release}},
				Parameters: map[string]string{placementCount: tc.copies},
			}
			b := &bringup{log: slog.New(slog.DiscardHandler), plan: &bundles.Plan{}}
			if tc.plans != nil {
				b.plan.Packages = []bundles.Package{{Name: "storage-classes", Values: map[string]any{"replicated": map[string]any{"copies": tc.plans}}}}
			}

			client := &kube.Client{Typed: fake.NewClientset(class)}
			require.NoError(t, b.freeChangedClass(t.Context(), client))

			left, err := client.StorageClasses(t.Context())
			require.NoError(t, err)
			require.Equal(t, tc.stays, len(left.Names) == 1)
			require.NoError(t, b.freeChangedClass(t.Context(), client), "again")
		})
	}
}
