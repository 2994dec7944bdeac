// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/lab/build"
)

// question is what the engine is asked; see lab/tools/policy.
type question struct {
	Policies   []any                        `json:"policies"`
	Namespaces map[string]map[string]string `json:"namespaces"`
	Peers      []asked                      `json:"peers"`
	Ports      []port                       `json:"ports"`
}

type asked struct {
	Namespace string            `json:"namespace,omitempty"`
	Labels    map[string]string `json:"labels,omitempty"`
	Reserved  []string          `json:"reserved,omitempty"`
	Address   string            `json:"address,omitempty"`
}

type port struct {
	Number   uint16 `json:"number"`
	Protocol string `json:"protocol"`
}

type answer struct {
	Verdicts [][]string
	Problem  string
}

func (a answer) isAllowed(f flow) bool { return a.Verdicts[f.from][f.to][f.at] == '1' }

// engine is the program, which answers one question after the other.
type engine struct {
	questions *json.Encoder
	answers   *json.Decoder
}

func startEngine(t *testing.T) engine {
	t.Helper()

	path, err := build.PolicyEngine(t.Context(), build.Config{Progress: func(line string) { t.Log(line) }})
	require.NoError(t, err)

	// It ends with its questions, which is after the test's context.
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), path)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { require.NoError(t, errors.Join(in.Close(), cmd.Wait())) })

	return engine{questions: json.NewEncoder(in), answers: json.NewDecoder(out)}
}

func (e engine) ask(t *testing.T, q question) answer {
	t.Helper()

	require.NoError(t, e.questions.Encode(q))

	var a answer
	err := e.answers.Decode(&a)
	require.NotErrorIs(t, err, io.EOF, "the engine ended: it says why on standard error")
	require.NoError(t, err)

	return a
}
