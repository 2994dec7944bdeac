// SPDX-License-Identifier: Apache-2.0

package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// maxLines: a file is one idea, and fits into a reader's head.
const maxLines = 250

func TestFilesAreShort(t *testing.T) {
	_, files := sources(t)

	for _, one := range files {
		if !one.generated && one.lines >= maxLines {
			t.Errorf("%s: %d lines; files have fewer than %d: split it by idea", one.path, one.lines, maxLines)
		}
	}
}

func TestFilesNameTheirLicence(t *testing.T) {
	_, files := sources(t)

	const licence = "// SPDX-License-Identifier: Apache-2.0"

	for _, one := range files {
		// Generators put a build constraint first.
		if one.generated && slices.Contains(one.head, licence) {
			continue
		}

		if one.head[0] != licence || one.head[1] != "" {
			t.Errorf("%s: starts with %q; want the SPDX line and an empty line", one.path, one.head[0])
		}
	}
}

func TestEveryPackageHasOneComment(t *testing.T) {
	_, files := sources(t)
	comments := map[string][]source{}

	for _, one := range files {
		if one.test {
			continue
		}

		if _, isSeen := comments[one.dir()]; !isSeen {
			comments[one.dir()] = nil
		}

		if one.file.Doc != nil {
			comments[one.dir()] = append(comments[one.dir()], one)
		}
	}

	for dir, found := range comments {
		if len(found) != 1 {
			t.Errorf("%s: %d package comments, want 1", dir, len(found))

			continue
		}

		name := found[0].file.Name.Name
		if text := found[0].file.Doc.Text(); name != "main" && !strings.HasPrefix(text, "Package "+name+" ") {
			t.Errorf("%s: the package comment starts %.40q; want \"Package %s ...\"", found[0].path, text, name)
		}
	}
}

// TestHabits checks what may not stand in the code, with the reason in the finding.
func TestHabits(t *testing.T) {
	positions, files := sources(t)

	for _, one := range files {
		for _, finding := range habits(one) {
			t.Errorf("%s: %s", positions.Position(finding.at), finding.text)
		}
	}
}

type finding struct {
	at   token.Pos
	text string
}

// habits finds init functions, sleeps, contexts from nowhere, and tests skipped without a reason.
func habits(file source) []finding {
	var found []finding

	ast.Inspect(file.file, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.FuncDecl:
			if node.Recv == nil && node.Name.Name == "init" && !file.generated {
				found = append(found, finding{node.Pos(), "init(): nothing happens at import time"})
			}
		case *ast.CallExpr:
			if text := calls(file, node); text != "" {
				found = append(found, finding{node.Pos(), text})
			}
		}

		return true
	})

	return found
}

func calls(file source, call *ast.CallExpr) string {
	selector, isSelector := call.Fun.(*ast.SelectorExpr)
	if !isSelector {
		return ""
	}

	of, name := importOf(file.file, selector.X), selector.Sel.Name
	isMain := file.file.Name.Name == "main"

	switch {
	case of == "time" && name == "Sleep" && !file.test:
		return "time.Sleep: waiting goes through bootstrap/wait, which can be cancelled"
	case of == "context" && (name == "Background" || name == "TODO") && file.isProduct() && !isMain:
		return "context." + name + ": take the caller's context, or context.WithoutCancel of it"
	case name == "SkipNow" && len(call.Args) == 0, name == "Skip" && hasNoReason(call):
		return name + " without a reason: a skipped test must say what is missing"
	}

	return ""
}

func hasNoReason(call *ast.CallExpr) bool {
	if len(call.Args) == 0 {
		return true
	}

	literal, isLiteral := call.Args[0].(*ast.BasicLit)

	return isLiteral && literal.Value == `""`
}

// importOf is the import path that a name stands for in this file; empty when it is no import.
func importOf(file *ast.File, expr ast.Expr) string {
	ident, isIdent := expr.(*ast.Ident)
	if !isIdent {
		return ""
	}

	for _, spec := range file.Imports {
		importPath := strings.Trim(spec.Path.Value, `"`)

		name := importPath[strings.LastIndex(importPath, "/")+1:]
		if spec.Name != nil {
			name = spec.Name.Name
		}

		if name == ident.Name {
			return importPath
		}
	}

	return ""
}

func TestHabitsAreFound(t *testing.T) {
	const text = `package pxe

import (
	std "context"
	"testing"
	"time"
)

func init() {}

func a(t *testing.T) {
	time.Sleep(1)
	_ = std.Background()
	t.Skip()
	t.Skip("")
	t.SkipNow()
	t.Skip("no root")
}
`

	parsed, err := parser.ParseFile(token.NewFileSet(), "pxe/a.go", text, 0)
	require.NoError(t, err)

	found := func(path string, isTest bool) []string {
		var words []string
		for _, one := range habits(source{path: path, file: parsed, test: isTest}) {
			words = append(words, strings.SplitN(one.text, " ", 2)[0])
		}

		slices.Sort(words)

		return words
	}

	require.Equal(t, []string{"Skip", "Skip", "SkipNow", "context.Background:", "init():", "time.Sleep:"}, found("pxe/a.go", false))
	require.Equal(t, []string{"Skip", "Skip", "SkipNow", "init():"}, found("pxe/a_test.go", true))
	require.Equal(t, []string{"Skip", "Skip", "SkipNow", "init():", "time.Sleep:"}, found("lab/a.go", false))
}
