// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cozystack/cozy-install/bootstrap"
	"github.com/cozystack/cozy-install/bootstrap/site"
)

func newConfigCommand(streams Streams) *cobra.Command {
	return newGroup("config", "Work with the site file",
		newConfigInitCommand(streams),
		newConfigValidateCommand(streams),
		newConfigShowCommand(streams),
		newConfigSchemaCommand(streams),
	)
}

func newConfigInitCommand(streams Streams) *cobra.Command {
	var bundle, file string
	c := &cobra.Command{
		Use: "init", Short: "Print a commented site file to start from",
		Long: "Print a commented site file to start from. What only you know stands in it as <...>: config validate names what is\n" +
			"still to be filled in. With --file it is written to a new file; an existing one is never overwritten.",
		Args: usageArgs(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			text, err := site.Template(bundle)
			if err != nil {
				return &UsageError{Err: err}
			}
			if file == "" {
				_, err = streams.Out.Write(text)
				return err
			}
			if err := writeNew(file, text); err != nil {
				return err
			}
			_, err = fmt.Fprintln(streams.Out, file)
			return err
		},
	}
	c.Flags().StringVar(&bundle, "bundle", site.PaaSFull, "what to install: "+strings.Join(site.Bundles(), ", "))
	c.Flags().StringVarP(&file, "file", "f", "", "write it to this file instead, which must not exist yet")
	carry(c, "file")
	return c
}

// writeNew writes a file that must not exist yet.
func writeNew(path string, data []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return &UsageError{Err: fmt.Errorf("%s exists and is not overwritten: name another file, or remove it", path)}
	}
	if err != nil {
		return fmt.Errorf("write the site file: %w", err)
	}
	_, err = file.Write(data)
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("write the site file: %w", errors.Join(err, os.Remove(path)))
	}
	return nil
}

// siteFile is the flag of the commands that read a site file and nothing else.
func siteFile(c *cobra.Command, file *string) {
	c.Flags().StringVarP(file, "file", "f", "site.yaml", "the site file")
	carry(c, "file")
}

func newConfigValidateCommand(streams Streams) *cobra.Command {
	var file string
	var output outputFlag
	c := &cobra.Command{
		Use: "validate", Short: "Say everything that is wrong with the site file",
		Long: "Say everything that is wrong with the site file, each with its line, the choice of packages and their values included.\n" +
			"The exit code is 2 if anything is.",
		Args: usageArgs(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			verdict := verdict{File: file, Problems: []site.Problem{}}
			s, err := site.Load(file)
			if err == nil {
				_, err = bootstrap.ResolveBundle(s, releaseImage("", streams.Published, s))
			}
			if invalid := (*site.Problems)(nil); errors.As(err, &invalid) && output.form == "json" {
				verdict.Problems = invalid.List
				return errors.Join(err, output.print(streams.Out, verdict, nil))
			}
			if err != nil {
				return err
			}
			verdict.Valid = true
			return output.print(streams.Out, verdict, func() string {
				return fmt.Sprintf("%s is valid: site %s, bundle %s\n", file, s.Metadata.Name, s.Bundle)
			})
		},
	}
	siteFile(c, &file)
	output.add(c)
	return c
}

// verdict is validate's answer for programs.
type verdict struct {
	File     string         `json:"file"`
	Valid    bool           `json:"valid"`
	Problems []site.Problem `json:"problems"`
}

func newConfigShowCommand(streams Streams) *cobra.Command {
	var file string
	var output outputFlag
	c := &cobra.Command{
		Use: "show", Short: "Print the site file with its defaults filled in", Args: usageArgs(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			s, err := site.Load(file)
			if err != nil {
				return err
			}
			text, err := site.Format(s)
			if err != nil {
				return err
			}
			return output.print(streams.Out, s, func() string { return string(text) })
		},
	}
	siteFile(c, &file)
	output.add(c)
	return c
}

func newConfigSchemaCommand(streams Streams) *cobra.Command {
	return &cobra.Command{
		Use: "schema", Short: "Print the site file's JSON schema, for editors", Args: usageArgs(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			_, err := streams.Out.Write(site.Schema())
			return err
		},
	}
}
