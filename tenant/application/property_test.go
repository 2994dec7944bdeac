// SPDX-License-Identifier: Apache-2.0

package application_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/cozystack/cozy-install/tenant/application"
)

func marshal(t failer, value any) []byte {
	t.Helper()

	raw, err := json.Marshal(value)
	require.NoError(t, err)

	return raw
}

// Whatever the chart takes, the API server takes. That the schema is structural is part of newServer and of Schema itself.
func TestTheServerTakesWhatTheChartTakes(t *testing.T) {
	taken := 0

	rapid.Check(t, func(t *rapid.T) {
		source := drawValues(t)
		raw := marshal(t, source)

		props, err := application.Schema(raw)
		require.NoError(t, err, string(raw))

		chart, api := original(t, raw), newServer(t, props)

		for range 5 {
			sample := clone(drawSample(t, source, source["definitions"].(map[string]any), 0))

			instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(marshal(t, sample)))
			require.NoError(t, err)

			if chart.Validate(instance) != nil {
				continue
			}

			taken++

			require.Empty(t, api.refuses(sample), "%s\n%s\n%s", marshal(t, sample), raw, marshal(t, props))
		}
	})

	require.Greater(t, taken, 20, "too few samples were valid for this test to mean anything")
}

// FuzzSchema: whatever a chart holds, the answer comes, is the same each time, and is a structural schema or says what is lost.
func FuzzSchema(f *testing.F) {
	for _, path := range []string{"testdata/losses.schema.json", "testdata/rich.schema.json"} {
		f.Add(readFile(f, path))
	}

	f.Add([]byte(`{"$ref":"#/definitions/a","definitions":{"a":{"allOf":[{"$ref":"#"}]}}}`))
	f.Add([]byte(`{"properties":{"a":{"oneOf":[{"type":"null"},{"const":null}]},"metadata":{"enum":[1,2.5]}}}`))
	f.Add([]byte(`{"properties":{"a":{"x-kubernetes-validations":[{"rule":"true"}],"items":true},"b":{"type":["null"]}}}`))

	f.Fuzz(func(t *testing.T, source []byte) {
		props, err := application.Schema(source)
		again, errAgain := application.Schema(source)
		require.Equal(t, props, again)
		require.Equal(t, err, errAgain)

		if err != nil {
			var losses application.Losses
			require.True(t, errors.As(err, &losses) && len(losses) > 0)
			require.NotContains(t, err.Error(), "not structural", "the schema library found what we did not")

			return
		}

		newServer(t, props)
		require.Less(t, len(marshal(t, props)), 2<<20)
	})
}
