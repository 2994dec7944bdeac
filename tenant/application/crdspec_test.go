// SPDX-License-Identifier: Apache-2.0

package application_test

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
)

// TestASpecWithRulesOfChangeStays: without it no rule of it is asked, and defaults would be what those refuse.
func TestASpecWithRulesOfChangeStays(t *testing.T) {
	const changing = `{"type":"object","properties":{"a":{"type":"string","default":"x"}},
		"x-kubernetes-validations":[{"rule":"!has(oldSelf.a) || has(self.a)","message":"a stays"}]}`

	object := func(spec any) map[string]any {
		made := map[string]any{"apiVersion": "apps.cozystack.io/v1alpha1", "kind": "Postgres", "metadata": map[string]any{"name": "db"}}
		if spec != nil {
			made["spec"] = spec
		}

		return made
	}

	set, empty := map[string]any{"a": "y"}, map[string]any{}

	for name, c := range map[string]struct {
		source        string
		before, after any
		says          string
	}{
		"it goes":              {changing, set, nil, "spec: Invalid value: null: can't be taken out"},
		"an empty one goes":    {changing, empty, nil, "spec: Invalid value: null: can't be taken out"},
		"it changes":           {changing, set, empty, "a stays"},
		"it stays":             {changing, set, set, ""},
		"there was none":       {changing, nil, nil, ""},
		"it comes":             {changing, nil, set, ""},
		"nothing is asked":     {`{"type":"object","properties":{"a":{"type":"string","default":"x"}}}`, set, nil, ""},
		"nothing of change is": {strings.Replace(changing, "!has(oldSelf.a) || has(self.a)", "has(self.a)", 1), set, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			structural := structuralOf(t, crdOf(t, postgres(), c.source))
			errs, _ := cel.NewValidator(structural, true, celconfig.PerCallLimit).
				Validate(t.Context(), nil, structural, object(c.after), object(c.before), math.MaxInt64)

			if c.says == "" {
				require.Empty(t, errs)

				return
			}

			require.Len(t, errs, 1)
			require.ErrorContains(t, errs[0], c.says)
		})
	}
}
