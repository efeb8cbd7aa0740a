package main

import (
	"path"
	"slices"
	"strings"

	"ftpd/client"
	"ftpd/internal/command"
)

// filter is what --exclude and --include leave out.
type filter struct{ exclude, include []rule }

// rule is a pattern of a filter.
type rule struct {
	pattern     string
	directories bool // it ended with a slash: it matches nothing else
}

func newFilter(exclude, include []string) (filter, error) {
	var f filter
	for _, list := range []struct {
		flag     string
		patterns []string
		into     *[]rule
	}{{"--exclude", exclude, &f.exclude}, {"--include", include, &f.include}} {
		for _, pattern := range list.patterns {
			readable := client.PathPattern(strings.Trim(pattern, "/"))
			if _, err := path.Match(readable, ""); err != nil || readable == "" {
				return f, command.Usagef("%s: %q is no pattern", list.flag, pattern)
			}
			*list.into = append(*list.into, rule{readable, strings.HasSuffix(pattern, "/")})
		}
	}
	return f, nil
}

// leavesOut tells whether a path is left out, itself or with a directory that it
// lies in.
func (f filter) leavesOut(name string, kind client.Kind) bool {
	if len(f.exclude) == 0 {
		return false
	}
	for end := 0; end < len(name); end++ {
		if name[end] != '/' {
			continue
		}
		if f.matches(name[:end], true) {
			return true
		}
	}
	return f.matches(name, kind == client.Directory)
}

func (f filter) matches(name string, directory bool) bool {
	return matchesAny(f.exclude, name, directory) && !matchesAny(f.include, name, directory)
}

func matchesAny(rules []rule, name string, directory bool) bool {
	return slices.ContainsFunc(rules, func(r rule) bool {
		if r.directories && !directory {
			return false
		}
		subject := name
		if !strings.Contains(r.pattern, "/") {
			subject = path.Base(name)
		}
		matched, _ := path.Match(r.pattern, subject) // newFilter has checked it
		return matched
	})
}
