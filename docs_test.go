package ftpd_test

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"io/fs"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What README and ARCHITECTURE say of the programs is compared with the
// programs.

func document(t *testing.T, name string) string {
	t.Helper()
	text, err := fs.ReadFile(repository, name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// help returns what a program prints for --help; its variables are unset.
func help(t *testing.T, program string, args ...string) string {
	t.Helper()
	cmd := exec.Command(program, append(args, "--help")...)
	cmd.Env = []string{}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s --help: %v\n%s", program, err, out)
	}
	return string(out)
}

// build builds a program and returns its path.
func build(t *testing.T, dir string) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), filepath.Base(dir))
	if out, err := exec.Command("go", "build", "-o", bin, "./"+dir).CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", dir, err, out)
	}
	return bin
}

// flag is one flag as a document or a help text has it.
type flag struct{ Name, Env, Default string }

var (
	helpFlag = regexp.MustCompile(`(?m)^   --([a-z-]+).*?(?:\(default: "?([^")]*)"?\).*?)?(?:\[\$(\w+)\].*?(?:\(default: "?([^")]*)"?\))?)?$`)
	rowFlag  = regexp.MustCompile("(?m)^\\| `--([a-z-]+)`[^|]*\\| (?:`(\\w+)`)? ?\\| (?:`([^`]*)`)? ?\\|")
)

func flagsOfHelp(text string) []flag {
	var list []flag
	for _, m := range helpFlag.FindAllStringSubmatch(text, -1) {
		f := flag{m[1], m[3], m[2] + m[4]}
		if f.Default == "false" {
			f.Default = ""
		}
		if f.Name != "help" && f.Name != "version" {
			list = append(list, f)
		}
	}
	return list
}

func flagsOfTable(text string) []flag {
	var list []flag
	for _, m := range rowFlag.FindAllStringSubmatch(text, -1) {
		list = append(list, flag{m[1], m[2], m[3]})
	}
	return list
}

// section returns what stands below a heading, up to the next of its level.
func section(t *testing.T, text, heading string) string {
	t.Helper()
	_, below, ok := strings.Cut(text, "\n"+heading+"\n")
	if !ok {
		t.Fatalf("no heading %q", heading)
	}
	level := heading[:strings.Index(heading, " ")+1]
	before, _, _ := strings.Cut(below, "\n"+level)
	return before
}

func TestFlagsInReadme(t *testing.T) {
	readme := document(t, "README.md")
	for heading, dir := range map[string]string{"## ftpd": "server/ftpd", "## ftpc": "client/ftpc"} {
		want := flagsOfHelp(help(t, build(t, dir)))
		got := flagsOfTable(section(t, readme, heading))
		byName := func(a, b flag) int { return strings.Compare(a.Name, b.Name) }
		slices.SortFunc(want, byName)
		slices.SortFunc(got, byName)
		if len(want) < 3 {
			t.Fatalf("%s --help shows %d flags", dir, len(want))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("README, %s: help has -, the table has +\n%s", heading, diff)
		}
	}
}

func TestUsageInReadme(t *testing.T) {
	readme := section(t, document(t, "README.md"), "## ftpc")
	program := build(t, "client/ftpc")
	usages := regexp.MustCompile(`(?m)^ {4}ftpc (\w+) .*$`).FindAllStringSubmatch(readme, -1)
	if len(usages) < 10 {
		t.Fatalf("%d commands", len(usages))
	}
	for _, usage := range usages {
		line := strings.TrimSpace(usage[0])
		if !strings.Contains(help(t, program, usage[1]), "\n   "+line+"\n") {
			t.Errorf("%s --help does not say %q", usage[1], line)
		}
	}
}

func TestSchemaInReadme(t *testing.T) {
	if !strings.Contains(document(t, "README.md"), strings.TrimSpace(document(t, "testdata/transcripts/json.md"))) {
		t.Error("README has another JSON schema than testdata/transcripts/json.md")
	}
}

// constants evaluates the package-level constants of a directory that are made
// of literals and of each other.
func constants(t *testing.T, dir string) map[string]string {
	t.Helper()
	values := map[string]string{}
	scope := types.NewPackage(dir, dir)
	for _, f := range readTree(t, repository) {
		if f.dir != dir || f.isTest {
			continue
		}
		for _, decl := range f.syntax.Decls {
			group, ok := decl.(*ast.GenDecl)
			if !ok || group.Tok != token.CONST {
				continue
			}
			for _, spec := range group.Specs {
				v := spec.(*ast.ValueSpec)
				for i, name := range v.Names {
					if i >= len(v.Values) {
						continue
					}
					result, err := types.Eval(f.set, scope, token.NoPos, types.ExprString(v.Values[i]))
					if err == nil && result.Value != nil {
						values[name.Name] = constantText(result.Value)
					}
				}
			}
		}
	}
	return values
}

func constantText(v constant.Value) string {
	if v.Kind() == constant.String {
		return constant.StringVal(v)
	}
	return v.ExactString()
}

func TestExitStatusesInReadme(t *testing.T) {
	var want []string
	for name, value := range constants(t, "client/ftpc") {
		if strings.HasPrefix(name, "status") && regexp.MustCompile(`^\d+$`).MatchString(value) {
			want = append(want, value)
		}
	}
	var got []string
	for _, m := range regexp.MustCompile(`(?m)^\| (\d+) \|`).FindAllStringSubmatch(section(t, document(t, "README.md"), "### Exit status"), -1) {
		got = append(got, m[1])
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" || len(want) < 5 {
		t.Errorf("README: ftpc has -, the table has +\n%s", diff)
	}
}

func TestCloseReasonsInArchitecture(t *testing.T) {
	text := section(t, document(t, "ARCHITECTURE.md"), "### States")
	_, list, _ := strings.Cut(text, "which the log tells:")
	var got, want []string
	for _, m := range regexp.MustCompile("`([a-z ]+)`").FindAllStringSubmatch(list, -1) {
		got = append(got, m[1])
	}
	for _, dir := range []string{"server/reactor", "server/session"} {
		for name, value := range constants(t, dir) {
			if strings.HasPrefix(strings.ToLower(name), "reason") {
				want = append(want, value)
			}
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" || len(want) < 10 {
		t.Errorf("ARCHITECTURE: the code has -, the document has +\n%s", diff)
	}
}

// TestFiguresInArchitecture ties numbers in the text to constants.
func TestFiguresInArchitecture(t *testing.T) {
	text := strings.Join(strings.Fields(document(t, "ARCHITECTURE.md")), " ")
	for _, c := range []struct{ dir, name, value, phrase string }{
		{"server/reactor", "acceptBudget", "128", "accepts up to 128 connections"},
		{"server/session", "frameBudget", "256", "at most 256 in a turn"},
		{"server/session", "maxHolding", "2097152", "above 2 MiB of data that storage has not taken"},
		{"server/session", "highWater", "2097152", "less than 2 MiB is queued or being made"},
		{"server/session", "inlineMax", "65536", "at most 64 KiB"},
		{"server/session", "maxParked", "262144", "256 KiB"},
		{"server/ftpd", "logBacklog", "4096", "at most 4,096 lines behind"},
		{"server/storage/local", "groupFrom", "8", "From eight that wait on"},
		{"server/reactor", "SmallBuffer", "16384", "(up to 8 KiB)"}, // half of it: Conn.Send
	} {
		if got := constants(t, c.dir)[c.name]; got != c.value {
			t.Errorf("%s.%s is %s, not %s as the text has it", c.dir, c.name, got, c.value)
		}
		if !strings.Contains(text, c.phrase) {
			t.Errorf("the text does not say %q", c.phrase)
		}
	}
}
