// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cozystack/cozy-install/bootstrap/phase"
	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bundles"
	"github.com/cozystack/cozy-install/bundles/archive"
	"github.com/cozystack/cozy-install/cmd/internal/ui"
)

// Exit codes of the program.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2   // wrong flags or arguments, or a site file that is wrong or missing
	exitInterrupted = 130 // 128 + SIGINT, as shells count
)

// UsageError says that the command line is wrong.
type UsageError struct{ Err error }

func (e *UsageError) Error() string { return e.Err.Error() }

// Unwrap returns what is wrong with it.
func (e *UsageError) Unwrap() error { return e.Err }

// usageArgs makes a check of arguments answer with a *UsageError.
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return &UsageError{Err: fmt.Errorf("%w: see %s --help", err, cmd.CommandPath())}
		}
		return nil
	}
}

// ExitCode gives the exit code that an error ends the program with: 0 for nil.
func ExitCode(err error) int {
	var (
		usage      *UsageError
		problems   *site.Problems
		unreadable *site.FileError
		noPhase    *phase.UnknownError
		order      *phase.OrderError
		choices    *bundles.Problems // the site file's choices in the bundle
		form       *archive.FormError
		place      *archive.ReferenceError
	)
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &usage), errors.As(err, &problems), errors.As(err, &unreadable), errors.As(err, &noPhase),
		errors.As(err, &order), errors.As(err, &choices), errors.As(err, &form), errors.As(err, &place):
		return exitUsage
	case errors.Is(err, context.Canceled): // only a signal cancels the program's context
		return exitInterrupted
	}
	return exitFailed
}

// PrintError tells a person what went wrong and, where the error knows, what to do next. Said is the command that went wrong, with its
// flags; nil: it had none.
func PrintError(w io.Writer, said *cobra.Command, err error) {
	if ExitCode(err) == exitInterrupted {
		fmt.Fprintln(w, "cozy-install: interrupted")
		var going interface{ Interrupted() string } // says what goes on without us
		if errors.As(err, &going) {
			for line := range strings.Lines(ui.Printable(copyable(said, going.Interrupted()))) {
				fmt.Fprintf(w, "    %s\n", strings.TrimRight(line, "\n"))
			}
		}
		return
	}
	fmt.Fprintf(w, "cozy-install: %s\n", ui.Printable(err.Error()))
	var hinting interface{ Hint() string }
	if errors.As(err, &hinting) && hinting.Hint() != "" {
		fmt.Fprintf(w, "    hint: %s\n", ui.Printable(copyable(said, hinting.Hint())))
	}
}
