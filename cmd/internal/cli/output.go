// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/cozystack/cozy-install/cmd/internal/ui"
)

// outputFlag is the form of a command's answer: text for people or json for programs.
type outputFlag struct{ form string }

func (o *outputFlag) add(c *cobra.Command) {
	c.Flags().StringVarP(&o.form, "output", "o", "text", "form of the answer: text or json")
}

// check refuses an unknown form, before work is done whose answer could not be given.
func (o *outputFlag) check() error {
	if o.form != "text" && o.form != "json" {
		return &UsageError{Err: fmt.Errorf("--output %q: it is text or json", o.form)}
	}
	return nil
}

// print writes the answer in the form that was asked for. Text is written as it is, for much of it is data: whoever has a hint in it
// makes that copyable.
func (o *outputFlag) print(w io.Writer, value any, text func() string) error {
	if err := o.check(); err != nil {
		return err
	}
	if o.form == "text" {
		_, err := io.WriteString(w, ui.Printable(text())) // much of it comes from the network
		return err
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}
