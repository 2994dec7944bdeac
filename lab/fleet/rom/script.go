// SPDX-License-Identifier: Apache-2.0

package rom

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// maxSteps ends a script that loops without getting anywhere.
const maxSteps = 10_000

// errFalse is the failure of a question (isset, iseq): it has no text to show.
var errFalse = errors.New("false")

// interpreter follows one iPXE script: the commands that netboot scripts use. An unknown command ends it with an error
// that names it, where real iPXE would go on after "||": a typo in a script must not hide behind its fallback.
type interpreter struct {
	*session

	vars     map[string]string
	location string // of the script: relative URLs start there
	lines    []string
	next     int // index of the line to run

	result Result
	kernel bool
	end    bool
	chain  string // text of a script that takes over, from location
}

// follow runs a script. The second result is the text of the script that takes over, if one does.
func (r *interpreter) follow(ctx context.Context, text string) (Result, string, error) {
	r.lines, r.next, r.chain, r.end = strings.Split(text, "\n"), 0, "", false

	for steps := 0; !r.end; steps++ {
		if r.next >= len(r.lines) {
			return Result{}, "", fmt.Errorf("script %s: ends without boot or exit", r.location)
		}

		if steps == maxSteps {
			return Result{}, "", fmt.Errorf("script %s: not done after %d commands", r.location, maxSteps)
		}

		number, line := r.next+1, strings.TrimSpace(r.lines[r.next])
		r.next++

		if err := r.line(ctx, line); err != nil {
			return Result{}, "", fmt.Errorf("script %s line %d %q: %w", r.location, number, line, err)
		}
	}

	return r.result, r.chain, nil
}

// line runs the commands of a line: after && if the one before succeeded, after || if it failed.
func (r *interpreter) line(ctx context.Context, line string) error {
	if line == "" || strings.HasPrefix(line, "#") || strings.HasPrefix(line, ":") {
		return nil
	}

	var failed error

	words, operator := strings.Fields(line), ""

	for len(words) > 0 {
		command, rest, following := cutOperator(words)

		if operator == "" || (operator == "||") == (failed != nil) {
			err := r.command(ctx, r.expand(command))

			var unknown unknownCommandError
			if errors.As(err, &unknown) || ctx.Err() != nil {
				return errors.Join(err, context.Cause(ctx))
			}

			failed = err
		}

		if r.end {
			return nil
		}

		words, operator = rest, following
		if len(rest) == 0 && following == "||" {
			return nil
		}
	}

	return failed
}

func cutOperator(words []string) (command, rest []string, operator string) {
	for i, word := range words {
		if word == "||" || word == "&&" {
			return words[:i], words[i+1:], word
		}
	}

	return words, nil, ""
}

type unknownCommandError struct{ name string }

func (e unknownCommandError) Error() string {
	return fmt.Sprintf("command %q: not known to the simulated iPXE", e.name)
}

func (r *interpreter) command(ctx context.Context, words []string) error {
	name, args := argument(words, 0), words[min(1, len(words)):]

	switch name {
	case "": // "a ||" alone means: a may fail
		return nil
	case "echo", "imgfree", "imgstat", "ifstat", "console", "cpuid":
		return nil
	case "set":
		return r.set(args)
	case "clear":
		delete(r.vars, argument(args, 0))
	case "isset":
		return truth(argument(args, 0) != "")
	case "iseq":
		return truth(argument(args, 0) == argument(args, 1))
	case "goto":
		return r.jump(argument(args, 0))
	case "sleep":
		seconds, err := strconv.Atoi(argument(args, 0))
		if err != nil {
			return fmt.Errorf("sleep: %w", err)
		}

		return r.Clock.Wait(ctx, time.Duration(seconds)*time.Second)
	case "dhcp", "ifconf", "ifopen":
		return r.dhcp(ctx)
	case "kernel", "initrd", "imgfetch", "module":
		return r.image(ctx, name, args)
	case "chain":
		return r.takeOver(ctx, args)
	case "boot":
		return r.boot()
	case "exit", "sanboot":
		r.result, r.end = Result{FromDisk: true}, true
	case "reboot":
		return errors.New("reboot: the script gives up")
	default:
		return unknownCommandError{name}
	}

	return nil
}

func (r *interpreter) set(args []string) error {
	name, _, _ := strings.Cut(argument(args, 0), ":")
	if name == "" {
		return errors.New("set: no setting is named")
	}

	r.vars[name] = strings.Join(args[1:], " ")

	return nil
}

func (r *interpreter) jump(label string) error {
	for i, line := range r.lines {
		if strings.TrimSpace(line) == ":"+label {
			r.next = i + 1

			return nil
		}
	}

	return fmt.Errorf("goto: no label %q", label)
}

// dhcp configures the network anew, as scripts do when iPXE was too early for a proxy's answer.
func (r *interpreter) dhcp(ctx context.Context) error {
	r.release()

	boot, err := r.bootFile(ctx)
	if err != nil && !r.address.IsValid() {
		return err
	}

	for name, value := range r.settings(boot) {
		r.vars[name] = value
	}

	return nil
}
