package client

import (
	"context"
	"errors"
	"iter"
	"path"
	"strings"

	"ftpd/protocol"
)

// Glob yields what matches a pattern, in no particular order. Within a
// component the rules are those of PathPattern: *, ?, [a-z], [!a-z] and \; a
// component ** stands for any number of directories, none included. Entry.Path is the
// whole path. A pattern that matches nothing yields nothing; one that is
// malformed ends with an error that wraps path.ErrBadPattern. Symbolic links
// are matched and not followed.
//
// An entry with Err set is no match: it is a directory in which matches may be
// and that could not be read. The walk goes on behind it, and one that matches
// comes as an entry of its own too. A directory that a pattern names, before
// its first wildcard, ends it with an error.
func (c *Client) Glob(ctx context.Context, pattern string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		g := globber{client: c, ctx: ctx, yield: yield}
		parts, err := globParts(pattern)
		if err != nil {
			yield(Entry{}, err)
			return
		}
		g.walk(".", parts)
	}
}

// globParts cuts a pattern into components and checks each.
func globParts(pattern string) ([]string, error) {
	var parts []string
	for part := range strings.SplitSeq(pattern, "/") {
		if part == "" || part == "." {
			continue
		}
		part = PathPattern(part)
		if _, err := path.Match(part, ""); err != nil {
			return nil, &globError{pattern, err}
		}
		parts = append(parts, part)
	}
	if len(parts) == 0 {
		return nil, &globError{pattern, path.ErrBadPattern}
	}
	return parts, nil
}

// PathPattern returns a pattern as path.Match reads it. In a class of
// characters a shell negates with ! (POSIX XCU 2.14.1), which path.Match takes
// for one of the characters, and takes a ] that comes first as itself.
func PathPattern(pattern string) string {
	var b strings.Builder
	for pattern != "" {
		opening, size := classOpening(pattern)
		switch {
		case opening != "":
			b.WriteString(opening)
			pattern = pattern[size:]
			size = classRest(pattern)
		case pattern[0] == '\\':
			size = min(2, len(pattern))
		default:
			size = 1
		}
		b.WriteString(pattern[:size])
		pattern = pattern[size:]
	}
	return b.String()
}

// classOpening returns how path.Match writes the beginning of a class, and how
// long it is in pattern; empty where none begins.
func classOpening(pattern string) (opening string, size int) {
	if pattern[0] != '[' {
		return "", 0
	}
	opening, size = "[", 1
	if negation := pattern[1:]; negation != "" && (negation[0] == '!' || negation[0] == '^') {
		opening, size = "[^", 2
	}
	if pattern[size:] != "" && pattern[size] == ']' {
		opening, size = opening+`\]`, size+1
	}
	return opening, size
}

// classRest returns how far what is left of a class reaches.
func classRest(rest string) int {
	for i := 0; i < len(rest); i++ {
		switch rest[i] {
		case '\\':
			i++
		case ']':
			return i + 1
		}
	}
	return len(rest)
}

// globError is a pattern that means nothing.
type globError struct {
	pattern string
	err     error
}

func (e *globError) Error() string { return subject("glob", e.pattern) + ": " + e.err.Error() }
func (e *globError) Unwrap() error { return e.err }

// Is matches ErrInvalid.
func (e *globError) Is(target error) bool { return target == ErrInvalid }

// globber is a Glob in progress.
type globber struct {
	client *Client
	ctx    context.Context
	yield  func(Entry, error) bool
	deeper bool // beyond the directory that the pattern names
}

// hasMeta reports whether a component can match more than one name.
func hasMeta(part string) bool { return strings.ContainsAny(part, `*?[\`) }

// walk yields what matches parts below dir, and reports whether to go on.
func (g *globber) walk(dir string, parts []string) bool {
	for len(parts) > 1 && !hasMeta(parts[0]) {
		dir, parts = join(dir, parts[0]), parts[1:]
	}
	switch {
	case parts[0] == "**":
		return g.deep(dir, parts)
	case hasMeta(parts[0]):
		return g.level(dir, parts)
	}
	return g.single(join(dir, parts[0]))
}

// single yields the one path that a pattern without wildcards names.
func (g *globber) single(name string) bool {
	info, err := g.client.Lstat(g.ctx, name)
	switch {
	case nothingThere(err):
		return true
	case err != nil:
		return g.unread(name, err)
	}
	return g.yield(Entry{Path: name, Info: info}, nil)
}

// level lists dir and goes on with what matches the first part.
func (g *globber) level(dir string, parts []string) bool {
	return g.each(dir, ListOptions{}, func(e Entry) bool {
		g.deeper = true
		if ok, _ := path.Match(parts[0], e.Path); !ok { // the pattern was checked
			return true
		}
		name := join(dir, e.Path)
		if len(parts) > 1 {
			return e.Kind != Directory || g.walk(name, parts[1:])
		}
		e.Path = name
		return g.yield(e, nil)
	})
}

// deep lists the whole tree below dir.
func (g *globber) deep(dir string, parts []string) bool {
	return g.each(dir, ListOptions{Recursive: true}, func(e Entry) bool {
		matches := matchParts(parts, strings.Split(e.Path, "/"))
		e.Path = join(dir, e.Path)
		if matches && !g.yield(Entry{Path: e.Path, Info: e.Info}, nil) {
			return false
		}
		return e.Err == nil || g.yield(e, nil)
	})
}

// each calls visit for every entry of a listing that has a lawful name.
func (g *globber) each(dir string, o ListOptions, visit func(Entry) bool) bool {
	for e, err := range g.client.List(g.ctx, dir, o) {
		switch {
		case nothingThere(err):
			return true
		case err != nil:
			return g.unread(dir, err)
		case !safeNames(e.Path, false):
			err = &Error{Op: "list", Path: dir, Code: protocol.Protocol, Message: "the server named an unlawful path"}
			g.yield(Entry{}, err)
			return false
		case !visit(e):
			return false
		}
	}
	return true
}

// unread yields why a path could not be looked into, and reports whether to go
// on: what the server said of one of many directories ends nothing.
func (g *globber) unread(name string, err error) bool {
	refused, said := errors.AsType[*Error](err)
	if !g.deeper || !said || refused.Code == protocol.Protocol || endsAll(err) {
		g.yield(Entry{}, err)
		return false
	}
	return g.yield(Entry{Path: name, Err: err}, nil)
}

// nothingThere reports that a path leads nowhere: for a pattern that is no
// error.
func nothingThere(err error) bool {
	return errors.Is(err, ErrNotFound) || errors.Is(err, ErrNotDirectory)
}

// matchParts reports whether the components of a name match those of a
// pattern. reach[j] tells whether the parts so far match the first j names, so
// that many ** take no more than len(parts)*len(names) steps.
func matchParts(parts, names []string) bool {
	reach := make([]bool, len(names)+1)
	reach[0] = true
	for _, part := range parts {
		next := make([]bool, len(names)+1)
		for j := range next {
			if part == "**" {
				next[j] = reach[j] || j > 0 && next[j-1]
			} else if j > 0 && reach[j-1] {
				next[j], _ = path.Match(part, names[j-1]) // the pattern was checked
			}
		}
		reach = next
	}
	return reach[len(names)]
}
