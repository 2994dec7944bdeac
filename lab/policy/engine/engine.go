// SPDX-License-Identifier: Apache-2.0

// Package engine asks Cilium's own policy engine, which is a program of its own (lab/tools/policy), so that Cilium never enters
// the product's dependency graph. What the engine takes for granted is said there.
package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"

	"github.com/cozystack/cozy-install/lab/build"
)

// Engine is the running program, which answers one question after the other. It is not safe for concurrent use.
type Engine struct {
	cmd       *exec.Cmd
	in        io.WriteCloser
	questions *json.Encoder
	answers   *json.Decoder
}

// Start runs the program, building it if it is missing: progress gets a line for what takes long. It ends with Close; ctx
// bounds the building alone.
func Start(ctx context.Context, progress func(line string)) (*Engine, error) {
	path, err := build.PolicyEngine(ctx, build.Config{Progress: progress})
	if err != nil {
		return nil, err
	}

	cmd := exec.CommandContext(context.WithoutCancel(ctx), path)
	cmd.Stderr = os.Stderr

	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", path, err)
	}

	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", path, err)
	}

	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", path, err)
	}

	return &Engine{cmd: cmd, in: in, questions: json.NewEncoder(in), answers: json.NewDecoder(out)}, nil
}

// Ask waits for the answer. What Cilium says against a question is in the answer.
func (e *Engine) Ask(q Question) (Answer, error) {
	if err := e.questions.Encode(q); err != nil {
		return Answer{}, fmt.Errorf("ask Cilium's policy engine, which says why on standard error: %w", err)
	}

	var a Answer
	if err := e.answers.Decode(&a); err != nil {
		return Answer{}, fmt.Errorf("hear Cilium's policy engine, which says why on standard error: %w", err)
	}

	return a, nil
}

// Close ends the program with its questions, and waits for it.
func (e *Engine) Close() error { return errors.Join(e.in.Close(), e.cmd.Wait()) }
