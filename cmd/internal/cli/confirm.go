// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cozystack/cozy-install/cmd/internal/ui"
)

// confirmFlag lets a command go on without asking a person.
type confirmFlag struct{ acceptRisk bool }

func (f *confirmFlag) add(c *cobra.Command) {
	c.Flags().BoolVar(&f.acceptRisk, "accept-risk", false, "do it without asking, as in a script")
}

// maxAnswer bounds what is read from a person.
const maxAnswer = 256

// ask shows what will be done and lost, and wants a word typed that is not typed by habit, such as the node's name.
func (f *confirmFlag) ask(streams Streams, what, word string) error {
	if f.acceptRisk {
		return nil
	}
	fmt.Fprintf(streams.Err, "%s\nType %s to go on: ", ui.Printable(what), word)
	if streams.In == nil {
		return &UnconfirmedError{Word: word}
	}
	answer, err := bufio.NewReader(io.LimitReader(streams.In, maxAnswer)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the answer: %w", err)
	}
	if strings.TrimSpace(answer) != word {
		return &UnconfirmedError{Word: word}
	}
	return nil
}

// UnconfirmedError says that nothing was done because nobody confirmed it.
type UnconfirmedError struct{ Word string }

func (e *UnconfirmedError) Error() string { return "not confirmed: nothing was done" }

// Hint says how to confirm it.
func (e *UnconfirmedError) Hint() string {
	return "type " + e.Word + " when asked, or pass --accept-risk"
}
