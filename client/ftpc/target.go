package main

import (
	"net/url"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"ftpd/client"
	"ftpd/internal/command"
)

// target is a path on a server, as an argument gave it.
type target struct {
	given   string // the argument
	server  server // without an address where the argument names none
	path    string // as it is
	pattern string // the same as a pattern; empty where it can only be a name
}

// parseTarget reads a path or a URL. In a URL %XX stands for a byte, which is
// never one of a pattern's special characters; ? and # are ordinary, because a
// pattern needs the one and neither means anything.
// Without a host it is a path on the server of plain paths.
func parseTarget(argument string) (target, error) {
	rest, secure, ok := cutScheme(argument)
	if !ok {
		return target{given: argument, path: argument, pattern: patternOf(argument)}, nil
	}
	authority, escaped, hasPath := strings.Cut(rest, "/")
	on, err := parseAuthority(authority, secure, hasPath)
	var plain string
	if err == nil {
		if plain, err = url.PathUnescape(escaped); err != nil {
			err = command.Usagef("%s: %v", argument, err)
		}
	}
	if err != nil && maySaySecret(rest) { // a slash in a password ends what is before the path
		err = secretIn("URL")
	}
	if err != nil {
		return target{}, err
	}
	return target{given: argument, server: on, path: plain, pattern: urlPattern(escaped)}, nil
}

// urlPattern returns the path of a URL, in which every %XX is known to be
// well-formed, as a pattern; empty where it can only be a name.
func urlPattern(escaped string) string {
	if patternOf(escaped) == "" {
		return ""
	}
	var b strings.Builder
	for escaped != "" {
		before, after, found := strings.Cut(escaped, "%")
		b.WriteString(before)
		if !found {
			break
		}
		char, _ := strconv.ParseUint(after[:2], 16, 8) // it is known to be well-formed
		if strings.IndexByte(`*?[]^!-\`, byte(char)) >= 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(byte(char))
		escaped = after[2:]
	}
	return patternOf(b.String()) // a class may hold what only was one with %XX
}

// isRoot tells whether an argument is the URL of a served directory.
func isRoot(argument string) bool {
	t, err := parseTarget(argument)
	return err == nil && isURL(argument) && remoteBase(t.path) == ""
}

func pathsOf(targets []target) []string {
	var paths []string
	for _, t := range targets {
		paths = append(paths, t.path)
	}
	return paths
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return "", s, false
}

// patternOf returns a path where it may be a pattern, and otherwise nothing.
// One with a "[" that nothing closes can only be a name.
func patternOf(s string) string {
	if _, err := path.Match(client.PathPattern(s), ""); err != nil || !strings.ContainsAny(s, "*?[") {
		return ""
	}
	return s
}

// remoteBase returns the last name of a path on the server, without touching
// ".." (which the server refuses). The root has none.
func remoteBase(remote string) string {
	for remote != "" {
		before, name, _ := cutLast(remote, "/")
		if name != "" && name != "." {
			return name
		}
		remote = before
	}
	return ""
}

// joinRemote puts a name below a directory on the server.
func joinRemote(dir, name string) string {
	trimmed := strings.TrimRight(dir, "/")
	switch {
	case name == "":
		return dir
	case trimmed == "" && dir != "":
		return "/" + name // the server refuses it, and says why
	case trimmed == "" || trimmed == ".":
		return name
	}
	return trimmed + "/" + name
}

// localName returns the name that a file from the server gets on this
// machine, and false where there is no safe one: the name is the server's.
func localName(remote string) (string, bool) {
	name := remoteBase(remote)
	if name == "" {
		return "", true // the root: its content goes where it is put
	}
	ok := filepath.IsLocal(name) && name != ".." && filepath.Base(name) == name
	return name, ok && path.Base(filepath.ToSlash(name)) == name
}
