package ftpd_test

import (
	"fmt"
	"go/ast"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

// module is the path that the imports of this repository begin with.
const module = "ftpd"

// arrow says what one package may import of the project and of other modules.
// ARCHITECTURE.md draws the same picture.
type arrow struct {
	from    string
	project []string // packages, as directories of the repository
	modules []string // packages of other modules
	tests   []string // packages that its tests may import too; "..." is any
	without []string // packages of the standard library it does without
}

// Where a package has no business with the machine, these name it.
var (
	system = []string{"net", "os", "os/exec", "syscall"}
	unix   = "golang.org/x/sys/unix"
	xxh3   = "github.com/zeebo/xxh3"
	cli    = "github.com/urfave/cli/v2"
	gonum  = "gonum.org/v1/plot"
)

var arrows = []arrow{
	{from: "protocol", modules: []string{xxh3}, without: append([]string{"io", "bufio", "log", "log/slog", "time"}, system...)},
	{from: "selector", modules: []string{unix}},

	{
		from:    "server/ftpd",
		project: []string{"server", "server/access", "server/confine", "server/identity", "server/session", "server/systemd", "selector", "internal/command"},
		modules: []string{cli, "golang.org/x/term"},
		tests:   []string{"..."},
	},
	{
		from:    "server",
		project: []string{"protocol", "selector", "server/access", "server/identity", "server/reactor", "server/session", "server/storage", "server/storage/homes", "server/storage/local"},
		tests:   []string{"..."},
	},
	{from: "server/identity", project: []string{"internal/ownfile"}},
	{
		from:    "server/access",
		project: []string{"protocol", "server/reactor", "server/session", "server/storage", "internal/ownfile"},
		modules: []string{"golang.org/x/crypto/argon2", "golang.org/x/crypto/ssh"},
	},
	{from: "server/confine", modules: []string{unix}},
	{from: "server/systemd", modules: []string{unix}},
	{from: "server/reactor", project: []string{"selector"}, modules: []string{unix}},
	{
		// It is handed errors of system calls, and so may name them: see sansIO.
		from:    "server/session",
		project: []string{"protocol", "server/reactor", "server/storage"},
		without: []string{"net", "os", "os/exec"},
		tests:   []string{"server/storage/local", "server/storage/faulty"},
	},
	{from: "server/storage", without: system},
	{from: "server/storage/digests", project: []string{"server/storage"}, without: system},
	{
		from:    "server/storage/local",
		project: []string{"server/storage", "server/storage/digests"},
		modules: []string{unix, xxh3},
		tests:   []string{"server/storage/faulty", "server/storage/storagetest"},
	},
	{
		from:    "server/storage/homes",
		project: []string{"server/storage", "server/storage/local"},
		tests:   []string{"server/storage/faulty", "server/storage/storagetest"},
	},
	{
		from:    "server/storage/faulty",
		project: []string{"server/storage"},
		without: system,
		tests:   []string{"server/storage/local", "server/storage/storagetest"},
	},
	{from: "server/storage/storagetest", project: []string{"server/storage"}, modules: []string{"github.com/google/go-cmp/cmp"}},

	{from: "client/trust", project: []string{"internal/ownfile"}},
	{from: "client", project: []string{"protocol"}, modules: []string{unix, "golang.org/x/crypto/ssh"}, tests: []string{"..."}},
	{
		from:    "client/ftpc",
		project: []string{"client", "client/trust", "protocol", "internal/command", "internal/ownfile"},
		modules: []string{cli, "github.com/schollz/progressbar/v3", "golang.org/x/term", "golang.org/x/crypto/ssh", "golang.org/x/crypto/ssh/agent"},
		tests:   []string{"..."},
	},

	{from: "internal/command", modules: []string{cli}},
	{from: "internal/ownfile"},
	{from: "internal/trial"},
	{from: "internal/trial/trialtest"},
	{from: "internal/trial/rekey", modules: []string{"golang.org/x/crypto/chacha20poly1305"}},
	{from: "internal/trial/fault", project: []string{"internal/trial", "protocol"}},
	{from: "internal/soak", project: []string{"internal/trial", "internal/trial/fault"}, tests: []string{"internal/trial/trialtest"}},
	{from: "internal/demo", project: []string{"internal/trial"}, tests: []string{"internal/trial/trialtest"}},
	{from: "internal/tally"},
	{
		from:    "bench/peers",
		project: []string{"internal/trial", "bench/chart", "bench/machine", "bench/relay", "bench/peers/apt", "bench/peers/process", "bench/peers/tools"},
		modules: []string{gonum, unix},
	},
	{from: "bench/peers/apt"},
	{from: "bench/peers/process"},
	{from: "bench/peers/tools", project: []string{"internal/trial", "bench/peers/apt", "bench/peers/process"}},
	{
		from:    "bench/mirror",
		project: []string{"internal/trial", "bench/machine", "bench/peers/apt", "bench/peers/process", "bench/peers/tools"},
	},
	{from: "bench/relay"},
	{from: "bench/bare", modules: []string{unix, xxh3}},
	{
		from: "bench/service",
		project: []string{
			"internal/trial", "protocol", "server/reactor", "server/session", "server/storage", "server/storage/faulty", "server/storage/local",
		},
	},
	{from: "bench/machine", modules: []string{unix}},
	{
		from:    "bench/chart",
		modules: []string{gonum, gonum + "/vg", gonum + "/vg/draw", gonum + "/vg/vgimg", gonum + "/vg/vgsvg"},
	},
	{
		from:    "bench/iomodels",
		project: []string{"bench/machine", "bench/iomodels/load", "bench/iomodels/models", "bench/iomodels/proc", "bench/iomodels/report"},
		modules: []string{unix},
	},
	{
		from:    "bench/iomodels/models",
		project: []string{"selector", "bench/iomodels/uring"},
		modules: []string{unix},
		tests:   []string{"bench/iomodels/proc"},
	},
	{from: "bench/iomodels/uring", modules: []string{unix}},
	{from: "bench/iomodels/load", project: []string{"bench/iomodels/proc"}, modules: []string{unix}},
	{from: "bench/iomodels/proc", modules: []string{unix}},
	{
		from:    "bench/iomodels/report",
		project: []string{"bench/chart"},
		modules: []string{gonum, gonum + "/plotter", gonum + "/vg", gonum + "/vg/draw"},
	},
	{from: ".", modules: []string{}},
}

// testModules are those that a test of any package may import.
var testModules = regexp.MustCompile(`^(github\.com/google/go-cmp|github\.com/rogpeppe/go-internal|go\.uber\.org/goleak|golang\.org/x/sys|golang\.org/x/crypto)(/|$)`)

func TestArrows(t *testing.T) {
	report(t, wrongImports(readTree(t, repository)))
}

// wrongImports lists the imports that no arrow allows.
func wrongImports(files []source) []string {
	var wrong []string
	for _, f := range files {
		i := slices.IndexFunc(arrows, func(a arrow) bool { return a.from == f.dir })
		if i < 0 {
			wrong = append(wrong, fmt.Sprintf("%s: package %s has no arrows: say in arch_test.go what it may import", f.path, f.dir))
			continue
		}
		for _, imported := range f.imports() {
			if why := arrows[i].refuses(imported, f.isTest); why != "" {
				wrong = append(wrong, fmt.Sprintf("%s imports %q: %s", f.path, imported, why))
			}
		}
	}
	return wrong
}

// refuses says why a file may not import a package; it is empty where it may.
func (a arrow) refuses(imported string, isTest bool) string {
	first, rest, _ := strings.Cut(imported, "/")
	switch {
	case imported == "C":
		return "the programs are static: no cgo"
	case first == module:
		return a.refusesProject(rest, isTest)
	case strings.Contains(first, "."):
		if slices.Contains(a.modules, imported) || isTest && testModules.MatchString(imported) {
			return ""
		}
		return a.from + " has no arrow to this module"
	case !isTest && slices.Contains(a.without, imported):
		return a.from + " does without it"
	}
	return ""
}

func (a arrow) refusesProject(dir string, isTest bool) string {
	switch {
	case dir == a.from, slices.Contains(a.project, dir):
		return ""
	case isTest && (slices.Contains(a.tests, dir) || slices.Contains(a.tests, "...")):
		return ""
	}
	return a.from + " has no arrow to it"
}

// sansIO are the packages that take bytes and time and give back bytes and
// requests: their tests need no network and no clock.
var sansIO = []string{"protocol", "server/session"}

func TestSansIO(t *testing.T) {
	report(t, systemUses(readTree(t, repository)))
}

// systemUses lists where a package without I/O reads the clock, or uses more of
// package syscall than its error numbers.
func systemUses(files []source) []string {
	var wrong []string
	for _, f := range files {
		if f.isTest || !slices.Contains(sansIO, f.dir) {
			continue
		}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			use, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if name := f.qualified(use); clock.MatchString(name) || syscallUse.MatchString(name) && !errorNumber.MatchString(name) {
				wrong = append(wrong, fmt.Sprintf("%s uses %s: the loop hands it what it may know", f.position(use), name))
			}
			return true
		})
	}
	return wrong
}

var (
	clock       = regexp.MustCompile(`^time\.(Now|Since|Until|Sleep|After|AfterFunc|Tick|NewTimer|NewTicker)$`)
	syscallUse  = regexp.MustCompile(`^syscall\.`)
	errorNumber = regexp.MustCompile(`^syscall\.(E[A-Z0-9]+|Errno)$`)
)

// qualified writes a use of another package as path.Name.
func (f *source) qualified(use *ast.SelectorExpr) string {
	name, ok := use.X.(*ast.Ident)
	if !ok {
		return ""
	}
	for _, spec := range f.syntax.Imports {
		imported := importPath(spec)
		local := path.Base(imported)
		if spec.Name != nil {
			local = spec.Name.Name
		}
		if local == name.Name {
			return imported + "." + use.Sel.Name
		}
	}
	return ""
}

func (f *source) imports() []string {
	var list []string
	for _, spec := range f.syntax.Imports {
		list = append(list, importPath(spec))
	}
	return list
}

func importPath(spec *ast.ImportSpec) string {
	unquoted, err := strconv.Unquote(spec.Path.Value)
	if err != nil {
		panic(err) // the parser has read it
	}
	return unquoted
}

// The rules below are broken on purpose, each in a tree of one file.
func TestArrowsAreHeld(t *testing.T) {
	tests := []struct{ file, text, want string }{
		{"protocol/x.go", `package protocol; import "ftpd/selector"`, "protocol has no arrow to it"},
		{"protocol/x.go", `package protocol; import "golang.org/x/sys/unix"`, "no arrow to this module"},
		{"protocol/x.go", `package protocol; import "net"`, "does without it"},
		{"protocol/x_test.go", `package protocol; import "ftpd/server"`, "protocol has no arrow to it"},
		{"selector/x.go", `package selector; import "ftpd/protocol"`, "selector has no arrow to it"},
		{"selector/x_windows.go", `package selector; import "ftpd/server"`, "selector has no arrow to it"},
		{"server/reactor/x.go", `package reactor; import "ftpd/protocol"`, "no arrow to it"},
		{"server/reactor/x.go", `package reactor; import "ftpd/server/session"`, "no arrow to it"},
		{"server/reactor/x.go", `package reactor; import "ftpd/server/storage"`, "no arrow to it"},
		{"server/session/x.go", `package session; import "os"`, "does without it"},
		{"server/session/x.go", `package session; import "golang.org/x/sys/unix"`, "no arrow to this module"},
		{"server/session/x.go", `package session; import "ftpd/server/storage/local"`, "no arrow to it"},
		{"server/storage/x.go", `package storage; import "ftpd/protocol"`, "no arrow to it"},
		{"server/storage/local/x.go", `package local; import "ftpd/server/reactor"`, "no arrow to it"},
		{"client/x.go", `package client; import "ftpd/server"`, "no arrow to it"},
		{"client/x.go", `package client; import "ftpd/selector"`, "no arrow to it"},
		{"client/ftpc/x.go", `package main; import "golang.org/x/sys/unix"`, "no arrow to this module"},
		{"internal/command/x.go", `package command; import "ftpd/client"`, "no arrow to it"},
		{"client/x.go", `package client; import "C"`, "no cgo"},
		{"extra/x.go", `package extra`, "has no arrows"},
		{"server/session/x.go", `package session; import "time"; var x = time.Now()`, "uses time.Now"},
		{"server/session/x.go", `package session; import clock "time"; var x = clock.Since`, "uses time.Since"},
		{"server/session/x.go", `package session; import "syscall"; var x = syscall.Getpid()`, "uses syscall.Getpid"},
	}
	for _, tt := range tests {
		t.Run(tt.want+" "+tt.file, func(t *testing.T) {
			files := readTree(t, fstest.MapFS{tt.file: {Data: []byte(tt.text)}})
			mustFind(t, append(wrongImports(files), systemUses(files)...), tt.want)
		})
	}
}

func TestArrowsAllow(t *testing.T) {
	files := readTree(t, fstest.MapFS{
		"server/session/a.go":   {Data: []byte(`package session; import ("time"; "syscall"; "ftpd/protocol"); var d time.Time; var e = syscall.ENOSPC`)},
		"client/ftpc/a_test.go": {Data: []byte(`package main; import ("ftpd/server"; "github.com/google/go-cmp/cmp")`)},
		"bin/tools/x.go":        {Data: []byte(`package nobody; import "C"`)},
	})
	report(t, append(wrongImports(files), systemUses(files)...))
}
