// SPDX-License-Identifier: Apache-2.0

package house

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDocumentedMakeTargetsExist(t *testing.T) {
	targets := makeTargets(t)
	inText := regexp.MustCompile("`make ([a-z][a-z-]*)`")

	for _, doc := range paths(t, ".md") {
		text := read(t, doc)

		var named []string
		for _, match := range inText.FindAllStringSubmatch(text, -1) {
			named = append(named, match[1])
		}

		for _, line := range shellLines(text) {
			if words := strings.Fields(line); words[0] == "make" {
				named = append(named, slices.DeleteFunc(words[1:], func(w string) bool { return strings.Contains(w, "=") })...)
			}
		}

		for _, target := range named {
			require.Contains(t, targets, target, "%s names `make %s`", doc, target)
		}
	}
}

func TestMakeHelpShowsEveryTarget(t *testing.T) {
	help := string(run(t, "make", "--no-print-directory", "help"))

	for _, target := range makeTargets(t) {
		require.Regexp(t, `(?m)^  make `+target+` +\S`, help, "the target %s has no ## text", target)
	}
}

// A command line in a document or a systemd unit must parse: each is run with --help, so nothing happens, but unknown commands and flags
// are refused.
func TestDocumentedCommandLinesParse(t *testing.T) {
	program := filepath.Join(t.TempDir(), "cozy-install")
	run(t, "go", "build", "-o", program, "./cmd/cozy-install")

	seen := 0

	commands := map[string][]string{}
	for _, doc := range paths(t, ".md") {
		commands[doc] = shellLines(read(t, doc))
	}

	for _, unit := range paths(t, ".service") {
		commands[unit] = unitLines(read(t, unit), "ExecStart")
		require.NotEmpty(t, commands[unit], unit)
	}

	for doc, lines := range commands {
		for _, line := range lines {
			args, isOurs := commandLine(line)
			if !isOurs {
				continue
			}

			seen++

			t.Run(doc+": "+line, func(t *testing.T) {
				help := string(run(t, program, append(args, "--help")...))
				// Where a subcommand was expected, cobra shows the parent's help instead of refusing a wrong one.
				if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
					require.NotRegexp(t, `Usage:\n  [a-z -]+\[command\]`, help, "%s: no such command", line)
				}
			})
		}
	}

	require.Positive(t, seen, "no document shows a cozy-install command line in a sh block")
}

// commandLine returns the arguments that a line of a document gives to cozy-install, if it runs it.
func commandLine(line string) ([]string, bool) {
	words := strings.Fields(strings.TrimPrefix(line, "sudo "))
	if path.Base(words[0]) != "cozy-install" {
		return nil, false
	}

	args := words[1:]
	if end := slices.IndexFunc(args, func(w string) bool { return w == "|" || w == ">" }); end >= 0 {
		args = args[:end]
	}

	return args, true
}

// Blocks of commands hold only programs that a reader has: a typo in the first word would be no command at all.
func TestDocumentedCommandsAreKnown(t *testing.T) {
	known := []string{"make", "cozy-install", "kubectl", "export", "git", "cd", "go", "sudo", "apt-get", "kind"}

	for _, doc := range paths(t, ".md") {
		for _, line := range shellLines(read(t, doc)) {
			require.Contains(t, known, path.Base(strings.Fields(line)[0]), "%s: %s", doc, line)
		}
	}
}

func TestCIRunsTheDocumentedTestCommand(t *testing.T) {
	_, after, isMarked := strings.Cut(read(t, "README.md"), "<!-- .ci/run runs this -->\n")
	require.True(t, isMarked, "README.md marks the block with the test command for .ci/run")

	commands := shellLines(after[:strings.Index(after, "\n```\n")+5])
	require.Len(t, commands, 1)
	require.Regexp(t, `(?m)^step .*\b`+regexp.QuoteMeta(commands[0])+`$`, read(t, ".ci/run"))
}

func TestLinksBetweenDocumentsLeadSomewhere(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#:\s]+)(#[^)]*)?\)`)

	for _, doc := range paths(t, ".md") {
		for _, match := range link.FindAllStringSubmatch(read(t, doc), -1) {
			_, err := os.Stat(filepath.Join(root, path.Dir(doc), match[1]))
			require.NoError(t, err, "%s links to %s", doc, match[1])
		}
	}
}

func TestDecisionsAreListedAndComplete(t *testing.T) {
	index := read(t, "docs/adr/README.md")

	for _, name := range paths(t, ".md") {
		if path.Dir(name) != "docs/adr" || path.Base(name) == "README.md" {
			continue
		}

		text := read(t, name)
		require.Contains(t, index, "("+path.Base(name)+")", "docs/adr/README.md lists %s", name)
		require.True(t, strings.HasPrefix(text, "# "+path.Base(name)[:4]+": "), "%s starts with its number", name)

		for _, heading := range []string{"\nStatus: ", "\n## Context\n", "\n## Decision\n", "\n## Consequences\n"} {
			require.Contains(t, text, heading, name)
		}
	}
}

func TestEveryDirectDependencyIsExplained(t *testing.T) {
	text := read(t, "docs/dependencies.md")
	explained := regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(text, -1)

	var got, want []string
	for _, match := range explained {
		got = append(got, match[1])
	}

	for _, mod := range goMod(t).Require {
		if !mod.Indirect {
			want = append(want, mod.Path)
		}
	}

	slices.Sort(want)
	slices.Sort(got)
	require.Equal(t, want, got, "docs/dependencies.md has one row for each direct dependency of go.mod")
}

// shellLines returns the commands in a document's sh blocks. Comments and empty lines are left out, and lines that end
// in a backslash are joined with the next.
func shellLines(text string) []string {
	var lines []string

	isInside := false

	for line := range strings.SplitSeq(strings.ReplaceAll(text, "\\\n", " "), "\n") {
		line = strings.TrimSpace(line)

		switch {
		case strings.HasPrefix(line, "```"):
			isInside = line == "```sh"
		case isInside && line != "" && !strings.HasPrefix(line, "#"):
			command, _, _ := strings.Cut(line, " #")
			lines = append(lines, strings.TrimSpace(command))
		}
	}

	return lines
}

func makeTargets(t *testing.T) []string {
	t.Helper()

	var targets []string

	for line := range strings.SplitSeq(read(t, "Makefile"), "\n") {
		if names, isPhony := strings.CutPrefix(line, ".PHONY: "); isPhony && !strings.Contains(names, "/") {
			targets = append(targets, strings.Fields(names)...)
		}
	}

	require.NotEmpty(t, targets)

	return targets
}

func read(t *testing.T, name string) string {
	t.Helper()

	data, err := os.ReadFile(filepath.Join(root, name))
	require.NoError(t, err)

	return string(data)
}

func TestShellLinesAreTheCommands(t *testing.T) {
	const text = "```sh\n# why\nmake demo   # minutes\n\ncozy-install up \\\n  -f site.yaml\n```\n```text\nnot this\n```\n"

	require.Equal(t, []string{"make demo", "cozy-install up    -f site.yaml"}, shellLines(text))
}
