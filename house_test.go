package ftpd_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// A file is one concern and a function reads top to bottom: what is longer
// than this is more than one.
const (
	maxFileLines     = 500
	maxFunctionLines = 80
)

// repository is the tree that the tests hold to its rules, all modules of it.
var repository = os.DirFS(".")

// source is a parsed Go file of any module and for any platform.
type source struct {
	path, dir string // with slashes, from the top of the repository
	isTest    bool
	lines     int
	syntax    *ast.File
	set       *token.FileSet
}

// readTree parses every Go file of the repository.
func readTree(t *testing.T, tree fs.FS) []source {
	t.Helper()
	var files []source
	err := fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && notSource(name):
			return fs.SkipDir
		case entry.IsDir() || path.Ext(name) != ".go":
			return nil
		}
		f, err := readSource(tree, name)
		files = append(files, f)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatal("there is no Go file")
	}
	return files
}

// notSource says whether a directory holds what was built, served or recorded.
func notSource(dir string) bool {
	base := path.Base(dir)
	return dir == "bin" || dir == "share" || base == "testdata" || dir != "." && strings.HasPrefix(base, ".")
}

func readSource(tree fs.FS, name string) (source, error) {
	text, err := fs.ReadFile(tree, name)
	if err != nil {
		return source{}, err
	}
	f := source{path: name, dir: path.Dir(name), isTest: strings.HasSuffix(name, "_test.go"), set: token.NewFileSet()}
	f.lines = bytes.Count(text, []byte("\n"))
	f.syntax, err = parser.ParseFile(f.set, name, text, parser.ParseComments|parser.SkipObjectResolution)
	return f, err
}

func (f *source) position(n ast.Node) string {
	p := f.set.Position(n.Pos())
	return fmt.Sprintf("%s:%d", p.Filename, p.Line)
}

func report(t *testing.T, violations []string) {
	t.Helper()
	for _, v := range violations {
		t.Error(v)
	}
}

// mustFind checks that a rule was seen to be broken, and once only.
func mustFind(t *testing.T, violations []string, want string) {
	t.Helper()
	if len(violations) != 1 || !strings.Contains(violations[0], want) {
		t.Errorf("found %q, want one with %q", violations, want)
	}
}

func TestSizes(t *testing.T) {
	report(t, tooLong(readTree(t, repository)))
}

func tooLong(files []source) []string {
	var long []string
	for _, f := range files {
		if f.lines > maxFileLines {
			long = append(long, fmt.Sprintf("%s has %d lines, more than %d", f.path, f.lines, maxFileLines))
		}
		for _, d := range f.syntax.Decls {
			function, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			lines := f.set.Position(function.End()).Line - f.set.Position(function.Pos()).Line + 1
			if lines > maxFunctionLines {
				long = append(long, fmt.Sprintf("%s: %s has %d lines, more than %d", f.position(function), function.Name, lines, maxFunctionLines))
			}
		}
	}
	return long
}

func TestSizesAreHeld(t *testing.T) {
	function := "package x\n\nfunc f() {" + strings.Repeat("\n", maxFunctionLines-1) + "}\n"
	long := "package x\n\nfunc f() {" + strings.Repeat("\n", maxFunctionLines) + "}\n"
	file := "package x\n" + strings.Repeat("\n", maxFileLines-1)
	report(t, tooLong(readTree(t, fstest.MapFS{"a.go": {Data: []byte(function)}, "b.go": {Data: []byte(file)}})))
	mustFind(t, tooLong(readTree(t, fstest.MapFS{"a_test.go": {Data: []byte(long)}})), "f has 81 lines")
	mustFind(t, tooLong(readTree(t, fstest.MapFS{"bench/b.go": {Data: []byte(file + "\n")}})), "has 501 lines")
}

func TestExportedNamesAreDocumented(t *testing.T) {
	report(t, undocumented(readTree(t, repository)))
}

// undocumented lists the exported names without a comment. Package main has
// none, and methods count where their type is exported, but for those whose
// meaning packages fmt and errors have given them.
func undocumented(files []source) []string {
	var bare []string
	for _, f := range files {
		if f.isTest || f.syntax.Name.Name == "main" {
			continue
		}
		for _, d := range f.syntax.Decls {
			for _, name := range bareNames(d) {
				bare = append(bare, fmt.Sprintf("%s: %s has no comment", f.position(name), name))
			}
		}
	}
	return bare
}

func bareNames(d ast.Decl) []*ast.Ident {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Doc == nil && d.Name.IsExported() && ofExportedType(d) && !wellKnown(d) {
			return []*ast.Ident{d.Name}
		}
	case *ast.GenDecl:
		var bare []*ast.Ident
		for _, spec := range d.Specs {
			bare = append(bare, bareSpec(d, spec)...)
		}
		return bare
	}
	return nil
}

// bareSpec takes a comment above the group for one on each of a var or const.
func bareSpec(group *ast.GenDecl, spec ast.Spec) []*ast.Ident {
	switch spec := spec.(type) {
	case *ast.TypeSpec:
		if spec.Name.IsExported() && spec.Doc == nil && (group.Doc == nil || group.Lparen.IsValid()) {
			return []*ast.Ident{spec.Name}
		}
	case *ast.ValueSpec:
		if group.Doc != nil || spec.Doc != nil || spec.Comment != nil {
			return nil
		}
		var bare []*ast.Ident
		for _, name := range spec.Names {
			if name.IsExported() {
				bare = append(bare, name)
			}
		}
		return bare
	}
	return nil
}

func wellKnown(d *ast.FuncDecl) bool {
	return d.Recv != nil && slices.Contains([]string{"Error", "Unwrap", "String"}, d.Name.Name)
}

func ofExportedType(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	receiver := d.Recv.List[0].Type
	for {
		switch r := receiver.(type) {
		case *ast.StarExpr:
			receiver = r.X
		case *ast.IndexExpr:
			receiver = r.X
		case *ast.IndexListExpr:
			receiver = r.X
		case *ast.Ident:
			return r.IsExported()
		default:
			panic(fmt.Sprintf("a receiver of type %T", r))
		}
	}
}

func TestDocumentationIsHeld(t *testing.T) {
	for _, text := range []string{
		"func F() {}",
		"type T struct{}",
		"// A group\ntype (\n T int\n)",
		"const C = 1",
		"var (\n// V is fine\nV int\nW int\n)",
		"// T is fine\ntype T[K any] struct{}\nfunc (*T[K]) M() {}",
	} {
		files := readTree(t, fstest.MapFS{"p/a.go": {Data: []byte("package p\n\n" + text)}})
		mustFind(t, undocumented(files), "has no comment")
	}
	report(t, undocumented(readTree(t, fstest.MapFS{
		"main.go":   {Data: []byte("package main\nfunc F() {}")},
		"x.go":      {Data: []byte("package p\ntype t int\nfunc (t) M() {}\n// E is fine.\ntype E int\nfunc (E) Error() string\nconst (\nA = 1 // one\n)\n// Some.\nvar (\nX, Y int\n)")},
		"x_test.go": {Data: []byte("package p\nfunc F() {}")},
	})))
}

// A row of the table in ARCHITECTURE.md names a dependency and says why it is there.
var dependencyRow = regexp.MustCompile("(?m)^\\| *`?((?:[a-z0-9-]+\\.)+[a-z0-9-]+/[^ `|]+)`? *\\| *([^|\n]*?) *\\|")

func TestDependenciesAreExplained(t *testing.T) {
	manifest, err := exec.Command("go", "mod", "edit", "-json").Output()
	if err != nil {
		t.Fatal(err)
	}
	document, err := fs.ReadFile(repository, "ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	report(t, unexplained(t, manifest, document))
}

// unexplained compares go.mod, as "go mod edit -json" prints it, with the
// table of dependencies.
func unexplained(t *testing.T, manifest, document []byte) []string {
	t.Helper()
	var mod struct {
		Require []struct {
			Path, Version string
			Indirect      bool
		}
		Replace []any
	}
	if err := json.Unmarshal(manifest, &mod); err != nil {
		t.Fatal(err)
	}
	named := make(map[string]bool)
	var wrong []string
	for _, row := range dependencyRow.FindAllStringSubmatch(string(document), -1) {
		named[row[1]] = true
		if row[2] == "" {
			wrong = append(wrong, fmt.Sprintf("ARCHITECTURE.md does not say why %s is there", row[1]))
		}
	}
	if len(mod.Replace) > 0 {
		wrong = append(wrong, "go.mod replaces a module: whoever installs by its path gets another program")
	}
	for _, r := range mod.Require {
		if r.Indirect {
			continue
		}
		if !regexp.MustCompile(`^v\d+\.\d+\.\d+$`).MatchString(r.Version) {
			wrong = append(wrong, fmt.Sprintf("go.mod: %s %s is no release", r.Path, r.Version))
		}
		if !named[r.Path] {
			wrong = append(wrong, fmt.Sprintf("%s is in go.mod, and not in the table of ARCHITECTURE.md", r.Path))
		}
		delete(named, r.Path)
	}
	for name := range named {
		wrong = append(wrong, fmt.Sprintf("ARCHITECTURE.md names %s, go.mod does not need it", name))
	}
	return wrong
}

func TestExplanationsAreHeld(t *testing.T) {
	const manifest = `{"Require": [{"Path": "a.b/c", "Version": "v1.2.3"}, {"Path": "x.y/z", "Version": "v1.0.0", "Indirect": true}]}`
	tests := []struct{ manifest, document, want string }{
		{manifest, "", "not in the table of ARCHITECTURE.md"},
		{manifest, "| a.b/c |  |", "does not say why"},
		{manifest, "| a.b/c | it is good |\n| `d.e/f` | it is good |", "go.mod does not need it"},
		{`{"Require": [{"Path": "a.b/c", "Version": "v0.0.0-2024-abc"}]}`, "| a.b/c | it is good |", "is no release"},
		{`{"Replace": [{}]}`, "", "replaces a module"},
	}
	for _, tt := range tests {
		mustFind(t, unexplained(t, []byte(tt.manifest), []byte(tt.document)), tt.want)
	}
	report(t, unexplained(t, []byte(manifest), []byte("| module | why |\n|---|---|\n| `a.b/c` | it is good |")))
}
