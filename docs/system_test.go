package docs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/portico-dev/portico/scaffolder/run"
)

// place is a function that acts as the system; "package" is a variable.
type place struct{ file, function string }

// TestEveryPlaceThatActsAsTheSystemIsListed compares docs/system.md with the code.
func TestEveryPlaceThatActsAsTheSystemIsListed(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("system.md")
	require.NoError(t, err)
	var listed []place
	for _, row := range regexp.MustCompile("(?m)^\\| `([^`]+\\.go)` \\| (.+?) \\|").FindAllStringSubmatch(string(page), -1) {
		for function := range strings.SplitSeq(row[2], ", ") {
			listed = append(listed, place{row[1], strings.Trim(function, "`")})
		}
	}
	require.ElementsMatch(t, placesInCode(t), listed)
}

func placesInCode(t *testing.T) []place {
	t.Helper()
	var found []place
	require.NoError(t, filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path != ".." && (strings.HasPrefix(entry.Name(), ".") || slices.Contains([]string{"node_modules", "testdata", "testkit", "examples"}, entry.Name())):
			return filepath.SkipDir
		case entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		relative := filepath.ToSlash(strings.TrimPrefix(path, ".."+string(filepath.Separator)))
		for _, declaration := range file.Decls {
			name := "package"
			if function, is := declaration.(*ast.FuncDecl); is {
				name = function.Name.Name
			}
			if at := (place{relative, name}); actsAsTheSystem(declaration) && !slices.Contains(found, at) {
				found = append(found, at)
			}
		}
		return nil
	}))
	require.NotEmpty(t, found)
	return found
}

// actsAsTheSystem reports whether a declaration uses identity.System, KindSystem or a method Everything, outside of
// their own package.
func actsAsTheSystem(declaration ast.Decl) bool {
	acts := false
	ast.Inspect(declaration, func(node ast.Node) bool {
		selector, is := node.(*ast.SelectorExpr)
		if !is {
			return true
		}
		of, _ := selector.X.(*ast.Ident)
		isIdentity := of != nil && of.Name == "identity"
		acts = acts || selector.Sel.Name == "Everything" || isIdentity && (selector.Sel.Name == "System" || selector.Sel.Name == "KindSystem")
		return true
	})
	return acts
}

// TestEveryMethodOfTheStoreTakesAGrantOrIsListed: a new method that reads runs without a grant is noticed.
func TestEveryMethodOfTheStoreTakesAGrantOrIsListed(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("system.md")
	require.NoError(t, err)
	_, section, found := strings.Cut(string(page), "## Methods of the store of runs")
	require.True(t, found)
	var listed []string
	for row := range strings.SplitSeq(section, "\n") {
		if names, _, isRow := strings.Cut(strings.TrimPrefix(row, "| "), " | "); isRow {
			for _, name := range regexp.MustCompile("`(\\w+)`").FindAllStringSubmatch(names, -1) {
				listed = append(listed, name[1])
			}
		}
	}
	var without []string
	for method := range reflect.TypeFor[*run.Store]().Methods() {
		if !slices.Contains(slices.Collect(method.Type.Ins()), reflect.TypeFor[run.Grant]()) {
			without = append(without, method.Name)
		}
	}
	require.ElementsMatch(t, without, listed)
}
