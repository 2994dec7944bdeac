// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cozystack/cozy-install/bootstrap"
	"github.com/cozystack/cozy-install/cmd/internal/ui"
)

// agreeFlags are how a person agrees to what may lose data: each risk by its name, and then a name typed.
type agreeFlags struct {
	accept []string
	yes    bool
}

// add adds the flags. What is the name that must be typed: "the site's name".
func (f *agreeFlags) add(c *cobra.Command, what string) {
	f.addAccept(c)
	c.Flags().BoolVar(&f.yes, "yes", false, "do not ask for "+what+", as in a script")
}

// addAccept adds the flag for risks alone, where nobody is asked.
func (f *agreeFlags) addAccept(c *cobra.Command) {
	c.Flags().StringArrayVar(&f.accept, "accept-risk", nil,
		"accept a risk by its `name`: "+strings.Join(bootstrap.Risks(), ", ")+"; may be repeated")
}

// check refuses the name of a risk that is none, which would look accepted.
func (f *agreeFlags) check() error {
	for _, name := range f.accept {
		if !slices.Contains(bootstrap.Risks(), name) {
			return &UsageError{Err: fmt.Errorf("--accept-risk %q: the risks are %s", name, strings.Join(bootstrap.Risks(), ", "))}
		}
	}
	return nil
}

// maxAnswer bounds what is read from a person.
const maxAnswer = 256

// ask shows what will be done and lost, and wants a word typed that is not typed by habit: the name of what loses it.
func (f *agreeFlags) ask(streams Streams, what, word string) error {
	fmt.Fprintln(streams.Err, ui.Printable(strings.TrimRight(what, "\n")))
	if f.yes {
		return nil
	}
	fmt.Fprintf(streams.Err, "Type %s to go on: ", word)
	if streams.In == nil {
		return &UnconfirmedError{Word: word}
	}
	answer, err := bufio.NewReader(io.LimitReader(streams.In, maxAnswer)).ReadString('\n')
	if err != nil {
		fmt.Fprintln(streams.Err) // nobody ended the line
		if !errors.Is(err, io.EOF) {
			return fmt.Errorf("read the answer: %w", err)
		}
	}
	if strings.TrimSpace(answer) != word {
		return &UnconfirmedError{Word: word}
	}
	return nil
}

// UnconfirmedError says that nothing was done because nobody confirmed it.
type UnconfirmedError struct{ Word string }

func (e *UnconfirmedError) Error() string {
	return "not confirmed: nothing was done, for " + e.Word + " was not typed"
}

// Hint says how to confirm it.
func (e *UnconfirmedError) Hint() string { return "type " + e.Word + " when asked, or pass --yes" }

// risksText is a line for each risk, empty where there is none.
func risksText(risks []bootstrap.Risk) string {
	var b strings.Builder
	for _, risk := range risks {
		fmt.Fprintf(&b, "Risk %s: %s\n", risk.Name, risk.Why)
	}
	return b.String()
}
