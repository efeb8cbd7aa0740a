package ftpd_test

import (
	"go/ast"
	"regexp"
	"strings"
	"testing"
)

// SECURITY.md names the tests that hold its promises: they exist, and every
// attack has one.

// testsOf returns the names of all tests and fuzz targets of a tree.
func testsOf(files []source) map[string]bool {
	found := map[string]bool{}
	for _, f := range files {
		if !f.isTest {
			continue
		}
		for _, decl := range f.syntax.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil {
				found[fn.Name.Name] = true
			}
		}
	}
	return found
}

var testName = regexp.MustCompile("`((?:Test|Fuzz)[A-Z]\\w*)`")

// lies returns the rows of the tables of attacks that name a test which does not
// exist, or none.
func lies(text string, tests map[string]bool) (wrong []string, rows int) {
	for line := range strings.Lines(text) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "|---") || strings.HasPrefix(line, "| attack ") {
			continue
		}
		rows++
		named := testName.FindAllStringSubmatch(cells[len(cells)-1], -1)
		if len(cells) != 3 || len(named) == 0 {
			wrong = append(wrong, "no test: "+line)
		}
		for _, m := range named {
			if !tests[m[1]] {
				wrong = append(wrong, m[1]+" is no test of this repository")
			}
		}
	}
	return wrong, rows
}

func TestAttacksHaveTests(t *testing.T) {
	text := section(t, document(t, "SECURITY.md"), "## Attacks, and the tests that hold them off")
	wrong, rows := lies(text, testsOf(readTree(t, repository)))
	report(t, wrong)
	if rows < 30 {
		t.Errorf("SECURITY.md has %d attacks", rows)
	}
}

func TestAttacksHaveTestsIsHeld(t *testing.T) {
	tests := map[string]bool{"TestThere": true}
	const head = "| attack | what happens | test |\n|---|---|---|\n"
	for row, want := range map[string]string{
		"| a | b | `TestGone`, `TestThere` |\n": "TestGone is no test",
		"| a | b | none |\n":                    "no test",
	} {
		wrong, _ := lies(head+row, tests)
		mustFind(t, wrong, want)
	}
	if wrong, rows := lies(head+"| a | b | `TestThere` |\n", tests); len(wrong) > 0 || rows != 1 {
		t.Errorf("%q of %d rows", wrong, rows)
	}
}
