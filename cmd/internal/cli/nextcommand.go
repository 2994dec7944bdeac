// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/cozystack/cozy-install/bundles/archive"
)

// carried marks a flag that says which site or cluster is meant: who gave it means the same one in the commands that follow.
const carried = "cozy-install/carried"

// carry marks flags of a command.
func carry(c *cobra.Command, flags ...string) {
	for _, name := range flags {
		c.Flags().Lookup(name).Annotations = map[string][]string{carried: nil}
	}
}

func isCarried(flag *pflag.Flag) bool {
	_, yes := flag.Annotations[carried]
	return yes
}

// copyable makes the commands that a text names ones to copy: those who write hints do not know the command line, so each gets the
// carried flags that were given to the command which says it. Nil: none were. It is for our own sentences: data of a site or a cluster
// is shown as it is.
//
//	look at cozy-install status, after up -f a.yaml -> look at cozy-install status -f a.yaml
func copyable(said *cobra.Command, text string) string {
	if said == nil {
		return text
	}
	program := said.Root().Name() + " "
	parts := strings.Split(text, program)
	for i, part := range parts[1:] {
		parts[i+1] = withCarried(said, part)
	}
	return strings.Join(parts, program)
}

// withCarried adds flags to the command that a text begins with, if it takes them.
func withCarried(said *cobra.Command, text string) string {
	named, end := said.Root(), 0
	word := regexp.MustCompile(`^ ?([a-z-]+)`)
	for {
		found := word.FindStringSubmatchIndex(text[end:])
		if found == nil {
			break
		}
		child := childOf(named, text[end+found[2]:end+found[3]])
		if child == nil {
			break
		}
		named, end = child, end+found[3]
	}
	flags := ""
	said.Flags().Visit(func(given *pflag.Flag) {
		wanted := named.Flags().Lookup(given.Name)
		if !isCarried(given) || wanted == nil || !isCarried(wanted) {
			return
		}
		name := "--" + given.Name
		if given.Shorthand != "" {
			name = "-" + given.Shorthand
		}
		flags += " " + name + " " + archive.ShellWord(given.Value.String())
	})
	return text[:end] + flags + text[end:]
}

func childOf(c *cobra.Command, name string) *cobra.Command {
	for _, child := range c.Commands() {
		if child.Name() == name {
			return child
		}
	}
	return nil
}
