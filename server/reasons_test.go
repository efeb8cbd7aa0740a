//go:build unix

package server

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestReasonsAreDocumented compares what ARCHITECTURE.md lists with the constants.
func TestReasonsAreDocumented(t *testing.T) {
	document, err := os.ReadFile("../ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(string(document), "has a named reason, which the log tells:\n")
	list, _, _ = strings.Cut(list, ".\n")
	var listed []string
	for _, name := range regexp.MustCompile("`([a-z ]+)`").FindAllStringSubmatch(list, -1) {
		listed = append(listed, name[1])
	}
	named := append(reasons(t, "reactor"), reasons(t, "session")...)
	slices.Sort(listed)
	slices.Sort(named)
	if !slices.Equal(listed, named) {
		t.Errorf("ARCHITECTURE.md lists %q, and the constants are %q", listed, named)
	}
}

// reasons returns the constants of type Reason in a package.
func reasons(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(dir + "/*.go")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if spec, ok := n.(*ast.ValueSpec); ok && isReason(spec.Type) && len(spec.Values) == 1 {
				value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
				if err != nil {
					t.Errorf("%s: %v", name, err)
				}
				found = append(found, value)
			}
			return true
		})
	}
	return found
}

func isReason(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name == "Reason"
	case *ast.SelectorExpr:
		return e.Sel.Name == "Reason"
	}
	return false
}
