package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"ftpd/client"
)

// source is a path on the server that a command works on.
type source struct {
	path    string
	kind    client.Kind // 0 where nobody has asked yet
	etag    uint64      // likewise, or where there is none
	matched bool        // by a pattern, not named
}

// expand turns paths and patterns into sources: those of a pattern sorted, and
// a name that holds *, ? or [ taken as it is where the server has it. There may
// be none, where a pattern could not look into a directory.
func (c *call) expand(targets []target) ([]source, error) {
	var sources []source
	for _, t := range targets {
		if t.pattern == "" {
			sources = append(sources, source{path: t.path})
			continue
		}
		matched, err := c.match(t)
		if err != nil {
			return nil, c.noted(t.path, err)
		}
		sources = append(sources, matched...)
	}
	c.items = int64(len(sources))
	return sources, nil
}

func (c *call) match(t target) ([]source, error) {
	ctx := c.Context.Context
	info, err := c.client.Lstat(ctx, t.path)
	var refused *client.Error
	if err == nil {
		return []source{{path: t.path, kind: info.Kind, etag: info.ETag}}, nil
	}
	if !errors.As(err, &refused) || fatal(err) {
		return nil, err
	}
	var found []source
	unread := false
	for entry, err := range c.client.Glob(ctx, t.pattern) {
		if err != nil {
			return nil, err
		}
		if entry.Err != nil {
			c.noteUnread(entry)
			unread = true
			continue
		}
		found = append(found, source{path: entry.Path, kind: entry.Kind, etag: entry.ETag, matched: true})
	}
	if len(found) == 0 && !unread {
		return nil, errNoMatch
	}
	slices.SortFunc(found, func(a, b source) int { return strings.Compare(a.path, b.path) })
	// A directory that failed after it was listed is listed twice.
	return slices.CompactFunc(found, func(a, b source) bool { return a.path == b.path }), nil
}

// errNoMatch reads as "matches nothing on ADDRESS".
var errNoMatch error = &noMatchError{}

type noMatchError struct{}

func (*noMatchError) Error() string { return "matches nothing" }

// Is makes a pattern without a match the same as a path that is not there.
func (*noMatchError) Is(target error) bool { return target == client.ErrNotFound }

// isDirectory tells whether a source is a directory or a link to one.
func (c *call) isDirectory(ctx context.Context, s source) (bool, error) {
	if s.kind == client.File || s.kind == client.Directory {
		return s.kind == client.Directory, nil
	}
	info, err := c.client.Stat(ctx, s.path)
	return info.Kind == client.Directory, err
}

// expandLocal does for paths of this machine what a shell has not done: a
// quoted pattern, or one in a shell that leaves patterns to programs.
func expandLocal(paths []string) ([]string, error) {
	var found []string
	for _, p := range paths {
		if _, err := os.Lstat(p); err == nil || patternOf(p) == "" {
			found = append(found, p)
			continue
		}
		matches, err := filepath.Glob(client.PathPattern(filepath.ToSlash(p)))
		if err != nil || len(matches) == 0 {
			return nil, failed(p, &client.LocalError{Op: "open", Path: p, Err: errors.New("matches nothing")})
		}
		found = append(found, matches...)
	}
	return found, nil
}
