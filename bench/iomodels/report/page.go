package report

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// The page states every figure in bold, with a comment behind it that readers do
// not see and that says where it comes from:
//
//	**2,371**<!-- busy/poll/10000/1/p50_us -->       a value
//	**94**<!-- A / B -->                             the quotient of two
//	**held**<!-- claim select-grows -->              a verdict of Claims
//	**AMD …**<!-- machine -->                        the line above the results
//
// So the page can be brought up to date with new results, and a test can say
// whether it is.
var errPage = errors.New("the page states what the results do not have")

// figure matches one of them. The bold text never spans lines, so that a mistake
// stays where it is.
func figure() *regexp.Regexp {
	return regexp.MustCompile(`\*\*([^*\n]*)\*\*<!-- ([^>\n]*?) -->`)
}

// Refresh returns the page with every figure as the results have it.
func Refresh(page, machine string, rows []Row) (string, error) {
	var errs []error
	fresh := figure().ReplaceAllStringFunc(page, func(found string) string {
		source := figure().FindStringSubmatch(found)[2]
		text, err := stated(source, machine, rows)
		if err != nil {
			errs = append(errs, fmt.Errorf("%q: %w", source, err))
			return found
		}
		return "**" + text + "**<!-- " + source + " -->"
	})
	return fresh, errors.Join(errs...)
}

// stated returns the text for a source.
func stated(source, machine string, rows []Row) (string, error) {
	if source == "machine" {
		return machine, nil
	}
	if name, ok := strings.CutPrefix(source, "claim "); ok {
		return verdict(name, rows)
	}
	if above, below, ok := strings.Cut(source, " / "); ok {
		a, _, errA := lookUp(above, rows)
		b, _, errB := lookUp(below, rows)
		if err := errors.Join(errA, errB); err != nil {
			return "", err
		}
		return significant(a / b), nil
	}
	v, column, err := lookUp(source, rows)
	if err != nil {
		return "", err
	}
	return column.pretty(v), nil
}

// lookUp finds the value named by experiment/model/idle/active/column.
func lookUp(name string, rows []Row) (float64, Column, error) {
	parts := strings.Split(name, "/")
	if len(parts) != 5 {
		return 0, 0, fmt.Errorf("%w: %q has not five parts", errPage, name)
	}
	idle, errIdle := strconv.Atoi(parts[2])
	active, errActive := strconv.Atoi(parts[3])
	if err := errors.Join(errIdle, errActive); err != nil {
		return 0, 0, fmt.Errorf("%w: %w", errPage, err)
	}
	column := Column(slices.IndexFunc(columnNames(), func(n string) bool { return n == parts[4] }))
	row, ok := find(rows, Key{Experiment(parts[0]), parts[1], idle, active})
	if column < 0 || !ok || math.IsNaN(row.Values[column]) {
		return 0, 0, fmt.Errorf("%w: %q", errPage, name)
	}
	return row.Values[column], column, nil
}

func columnNames() []string {
	var names []string
	for c := range columns {
		names = append(names, c.String())
	}
	return names
}
