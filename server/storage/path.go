package storage

import (
	"fmt"
	"strings"
)

// Path is a canonical path below a storage's root: relative, with single
// slashes, without "." and ".." components. The root itself is ".".
type Path string

// Root is the path of the root itself.
const Root Path = "."

// The longest path and component, in bytes (Linux PATH_MAX and NAME_MAX,
// limits.h).
const (
	maxPath = 4096
	maxName = 255
)

// Reserved is the beginning of the names that a storage keeps for itself. No
// path has a component with it, and no listing shows one.
const Reserved = ".ftpd-"

// ParsePath makes a Path of what a client sent. It is the only place that
// does. Absolute paths, "..", NUL bytes and overlong names are ErrInvalid;
// empty and "." components are dropped, so "a//./b/" is "a/b" and "" the root.
func ParsePath(raw string) (Path, error) {
	switch {
	case len(raw) > maxPath:
		return "", fmt.Errorf("%w: the path has %d bytes, more than %d", ErrInvalid, len(raw), maxPath)
	case strings.IndexByte(raw, 0) >= 0:
		return "", fmt.Errorf("%w: the path %q holds a NUL byte", ErrInvalid, raw)
	case strings.HasPrefix(raw, "/"):
		return "", fmt.Errorf("%w: %q is absolute; paths are relative to the served directory", ErrInvalid, raw)
	}
	if canonical(raw) {
		return Path(raw), nil
	}
	return parseComponents(raw)
}

// canonical tells cheaply that raw needs no work: no component begins with a
// dot, none is empty, none is too long.
func canonical(raw string) bool {
	start := 0
	for i := 0; i <= len(raw); i++ {
		if i < len(raw) && raw[i] != '/' {
			continue
		}
		if i == start || i-start > maxName || raw[start] == '.' {
			return false
		}
		start = i + 1
	}
	return true
}

func parseComponents(raw string) (Path, error) {
	var kept []string
	for name := range strings.SplitSeq(raw, "/") {
		switch {
		case name == "" || name == ".":
			continue
		case name == "..":
			return "", fmt.Errorf("%w: %q holds \"..\"; paths never leave the served directory", ErrInvalid, raw)
		case len(name) > maxName:
			return "", fmt.Errorf("%w: a name in the path has %d bytes, more than %d", ErrInvalid, len(name), maxName)
		case strings.HasPrefix(name, Reserved):
			return "", fmt.Errorf("%w: names beginning with %q are the server's own", ErrInvalid, Reserved)
		}
		kept = append(kept, name)
	}
	if len(kept) == 0 {
		return Root, nil
	}
	return Path(strings.Join(kept, "/")), nil
}

// Dir returns the directory that holds p; that of the root is the root.
func (p Path) Dir() Path {
	if i := strings.LastIndexByte(string(p), '/'); i >= 0 {
		return p[:i]
	}
	return Root
}

// Join returns the path of name, one component, in p.
func (p Path) Join(name string) Path {
	if p == Root {
		return Path(name)
	}
	return p + "/" + Path(name)
}
