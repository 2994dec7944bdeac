// SPDX-License-Identifier: Apache-2.0

package tenants

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// warnings are what the API server said beside its answers.
type warnings struct {
	mu  sync.Mutex
	all []string
}

func (w *warnings) HandleWarningHeaderWithContext(_ context.Context, _ int, _, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, text)
}

// Whether an unknown key is refused is the client's choice, as with any kind of Kubernetes (docs/adr/0035). It is never stored.
func (k *kinds) unknownKeysAreNeverStored(t *testing.T) {
	for validation, says := range map[string][]string{
		metav1.FieldValidationWarn:   {`unknown field "spec.replica"`},
		metav1.FieldValidationIgnore: nil,
	} {
		heard := &warnings{}
		config := rest.CopyConfig(k.config)
		config.WarningHandlerWithContext = heard
		made, err := client.New(config, client.Options{Scheme: k.client.Scheme()})
		require.NoError(t, err)

		object := databaseNamed("pruned", map[string]any{"replica": int64(3), "replicas": int64(2), "users": map[string]any{"u": map[string]any{"x": true}}})
		dropped := client.WithFieldValidation(made, client.FieldValidation(validation))
		require.NoError(t, dropped.Create(t.Context(), object, client.DryRunAll), validation)
		require.Equal(t, map[string]any{"replicas": int64(2), "users": map[string]any{"u": map[string]any{}}}, object.Object["spec"], validation)

		if says == nil {
			require.Empty(t, heard.all)
		}

		for _, text := range says {
			require.Contains(t, heard.all, text)
		}
	}
}
