// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/lab/policy/engine"
)

type (
	question = engine.Question
	asked    = engine.Peer
	port     = engine.Port
)

type answer struct{ engine.Answer }

func (a answer) isAllowed(f flow) bool { return a.Verdicts[f.from][f.to][f.at] == '1' }

type judge struct{ *engine.Engine }

func startEngine(t *testing.T) judge {
	t.Helper()

	started, err := engine.Start(t.Context(), func(line string) { t.Log(line) })
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, started.Close()) })

	return judge{started}
}

func (j judge) ask(t *testing.T, q question) answer {
	t.Helper()

	given, err := j.Ask(q)
	require.NoError(t, err)

	return answer{given}
}
