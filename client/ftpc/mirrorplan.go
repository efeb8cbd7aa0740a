package main

import (
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"ftpd/client"
	"ftpd/internal/command"
)

// item is a file or a directory at one end of a mirror.
type item struct {
	kind  client.Kind
	size  int64
	mtime time.Time
}

// listed is what one end has, by its path below the directory.
type listed struct {
	items  map[string]item
	failed int64 // directories that could not be read; each was told
}

// plan is what makes the target the same as the source.
type plan struct {
	target map[string]item
	source map[string]item
	copies map[string]item // files, with the size that they have at the source
	remove []string        // a directory behind all that it holds
	makes  []string        // directories that are missing in the target
	empty  bool            // the source has nothing
	failed int64           // of the source could not be read: what is missing there may exist
}

// newPlan compares by kind, size and time.
func newPlan(source, target listed) *plan {
	p := &plan{
		source: source.items, target: target.items, copies: make(map[string]item),
		empty: len(source.items) == 0, failed: source.failed + target.failed,
	}
	for path, from := range source.items {
		to, there := target.items[path]
		switch {
		case from.kind == client.Directory:
			if !there {
				p.makes = append(p.makes, path)
			}
		case !there || to.kind != from.kind || to.size != from.size || !sameTime(from.mtime, to.mtime):
			p.copies[path] = from
		}
	}
	for path := range target.items {
		if _, there := source.items[path]; !there {
			p.remove = append(p.remove, path)
		}
	}
	slices.SortFunc(p.makes, comparePaths)
	slices.SortFunc(p.remove, func(a, b string) int { return comparePaths(b, a) })
	return p
}

// sameTime compares as far as both ends tell times: some file systems keep whole
// seconds, or two of them (FAT).
func sameTime(a, b time.Time) bool {
	if a.Equal(b) {
		return true
	}
	coarse := a.Nanosecond() == 0 || b.Nanosecond() == 0
	return coarse && a.Truncate(time.Second).Equal(b.Truncate(time.Second))
}

func (p *plan) copyPaths() []string {
	return slices.SortedFunc(maps.Keys(p.copies), comparePaths)
}

// selects is client.TransferOptions.Select. Directories that are there already are
// walked for what is in them.
func (p *plan) selects(name string, kind client.Kind) bool {
	if kind == client.Directory {
		_, known := p.source[name]
		return known
	}
	_, copied := p.copies[name]
	return copied
}

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
