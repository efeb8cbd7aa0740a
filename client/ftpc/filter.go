package main

import (
	"path"
	"slices"
	"strings"

	"ftpd/client"
	"ftpd/internal/command"
)

// filter is what --exclude and --include leave out.
type filter struct{ exclude, include []string }

func newFilter(exclude, include []string) (filter, error) {
	var f filter
	for _, list := range []struct {
		flag     string
		patterns []string
		into     *[]string
	}{{"--exclude", exclude, &f.exclude}, {"--include", include, &f.include}} {
		for _, pattern := range list.patterns {
			readable := client.PathPattern(strings.Trim(pattern, "/"))
			if _, err := path.Match(readable, ""); err != nil || readable == "" {
				return f, command.Usagef("%s: %q is no pattern", list.flag, pattern)
			}
			*list.into = append(*list.into, readable)
		}
	}
	return f, nil
}

// leavesOut tells whether a path is left out, itself or with a directory that it
// lies in.
func (f filter) leavesOut(name string) bool {
	if len(f.exclude) == 0 {
		return false
	}
	for end := 0; end < len(name); end++ {
		if name[end] != '/' {
			continue
		}
		if f.matches(name[:end]) {
			return true
		}
	}
	return f.matches(name)
}

func (f filter) matches(name string) bool {
	return matchesAny(f.exclude, name) && !matchesAny(f.include, name)
}

func matchesAny(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		subject := name
		if !strings.Contains(pattern, "/") {
			subject = path.Base(name)
		}
		matched, _ := path.Match(pattern, subject) // newFilter has checked it
		return matched
	})
}
