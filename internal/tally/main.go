// Command tally turns the output of "go test -json" into something to read: a
// line for each package, all that a failed test printed, and a last line such
// as "412 passed, 0 failed, 3 skipped". Lines that are not JSON pass through.
//
// Exit status: 0, or 1 when anything failed or nothing ran.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"
)

func main() {
	t := newTally(os.Stdout, time.Now())
	if err := t.read(os.Stdin); err != nil {
		fmt.Fprintf(os.Stderr, "tally: %v\n", err)
		os.Exit(1)
	}
	if !t.close(time.Now()) {
		os.Exit(1)
	}
}

// event is what "go doc test2json" describes.
type event struct {
	Action  string
	Package string
	Test    string
	Output  string
	Elapsed float64 // seconds
}

type counts struct{ passed, failed, skipped int }

func (c counts) String() string {
	return fmt.Sprintf("%d passed, %d failed, %d skipped", c.passed, c.failed, c.skipped)
}

// test names a test, or with an empty name its package.
type test struct{ pkg, name string }

type tally struct {
	begun    time.Time
	out      io.Writer
	outErr   error // the first of them
	printed  map[test]*strings.Builder
	packages map[string]*counts
	total    counts
}

func newTally(out io.Writer, begun time.Time) *tally {
	return &tally{out: out, begun: begun, printed: make(map[test]*strings.Builder), packages: make(map[string]*counts)}
}

// read takes everything that "go test -json" writes.
func (t *tally) read(r io.Reader) error {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		var e event
		switch {
		case len(line) == 0:
		case json.Unmarshal(line, &e) == nil && e.Action != "":
			t.event(e)
		default:
			t.print(string(line))
		}
		switch {
		case errors.Is(err, io.EOF):
			return t.outErr
		case err != nil:
			return err
		}
	}
}

func (t *tally) event(e event) {
	switch e.Action {
	case "output":
		t.keep(test{e.Package, e.Test}, e.Output)
	case "build-output":
		t.print(e.Output)
	case "pass", "fail", "skip":
		if e.Test == "" {
			t.packageEnded(e)
		} else {
			t.testEnded(e)
		}
	}
}

func (t *tally) print(text string) {
	if _, err := io.WriteString(t.out, text); err != nil && t.outErr == nil {
		t.outErr = err
	}
}

// keep holds what was printed until it is known whether anybody wants it.
func (t *tally) keep(of test, output string) {
	if t.printed[of] == nil {
		t.printed[of] = new(strings.Builder)
	}
	t.printed[of].WriteString(output)
}

func (t *tally) testEnded(e event) {
	if t.packages[e.Package] == nil {
		t.packages[e.Package] = new(counts)
	}
	for _, c := range []*counts{t.packages[e.Package], &t.total} {
		switch e.Action {
		case "pass":
			c.passed++
		case "fail":
			c.failed++
		case "skip":
			c.skipped++
		}
	}
	of := test{e.Package, e.Test}
	if e.Action != "pass" && t.printed[of] != nil {
		t.print(t.printed[of].String())
	}
	delete(t.printed, of)
}

// packageEnded prints the package's line, and more where it failed: a panic or
// a timeout is printed under the package, or under tests that never ended.
func (t *tally) packageEnded(e event) {
	rest := t.rest(e.Package)
	if e.Action == "fail" {
		t.packageFailed(e.Package)
		for _, of := range rest {
			t.print(t.printed[of].String())
		}
	}
	t.print(t.line(e) + "\n")
	for _, of := range rest {
		delete(t.printed, of)
	}
}

// packageFailed counts a package that failed, or did not build, without a test
// that did: it is one failure.
func (t *tally) packageFailed(pkg string) {
	if c := t.packages[pkg]; c == nil || c.failed == 0 {
		t.total.failed++
	}
}

// rest returns what a package and its unfinished tests printed, in order.
func (t *tally) rest(pkg string) []test {
	var rest []test
	for of := range t.printed {
		if of.pkg == pkg {
			rest = append(rest, of)
		}
	}
	slices.SortFunc(rest, func(a, b test) int { return strings.Compare(a.name, b.name) })
	return rest
}

func (t *tally) line(e event) string {
	word, count := "no tests", ""
	if c := t.packages[e.Package]; c != nil {
		word, count = "ok", "  "+c.String()+t.coverage(e.Package)
	}
	if e.Action == "fail" {
		word = "FAIL"
	}
	return fmt.Sprintf("%-8s %-34s %7.2fs%s", word, e.Package, e.Elapsed, count)
}

var coverage = regexp.MustCompile(`(?m)^coverage: (\S+% of statements)`)

// coverage finds the figure among what the package printed.
func (t *tally) coverage(pkg string) string {
	printed := t.printed[test{pkg: pkg}]
	if printed == nil {
		return ""
	}
	if figure := coverage.FindStringSubmatch(printed.String()); figure != nil {
		return ", " + figure[1]
	}
	return ""
}

// close prints the sum, and reports whether tests ran and all went well.
func (t *tally) close(now time.Time) bool {
	t.print(fmt.Sprintf("\ntests: %.0f s\n", now.Sub(t.begun).Seconds()))
	t.print(t.total.String() + "\n")
	return t.outErr == nil && t.total.failed == 0 && t.total.passed > 0
}
