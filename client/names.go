package client

import (
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"ftpd/protocol"
)

// join puts a path behind that of a directory, byte for byte: what a server
// named must be asked for as it named it.
func join(dir, path string) string {
	switch {
	case dir == "" || dir == ".":
		return path
	case dir[len(dir)-1] == '/':
		return dir + path
	}
	return dir + "/" + path
}

// split cuts a path into its directory, "." where there is none, and its last
// component.
func split(path string) (dir, name string) {
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		return path[:i], path[i+1:]
	}
	return ".", path
}

// checkPath refuses what the wire cannot carry: its frame would end the
// connection.
func checkPath(op, path string) error {
	if len(path) > protocol.MaxPath {
		return &Error{Op: op, Path: path[:64] + "...", Code: protocol.Invalid, Message: "the path is longer than 4096 bytes"}
	}
	return nil
}

// safePath reports whether a path that a server named may become a local one
// below a directory: by the rules of SPEC.md, and those of this system.
func safePath(path string) bool {
	return safeNames(path, runtime.GOOS == "windows") && filepath.IsLocal(filepath.FromSlash(path))
}

const illegalName = "the server listed an illegal name"

// unsafeReason says what is wrong with a path that is not safe. One that leads
// out is told from mere nonsense, for it may be meant to harm.
func unsafeReason(path string) string {
	switch {
	case strings.HasPrefix(path, "/") || slices.Contains(strings.Split(path, "/"), ".."):
		return illegalName + ", which could lead out of the target directory"
	case !safeNames(path, false):
		return illegalName
	}
	return "this system has no such names for files"
}

func safeNames(path string, windows bool) bool {
	for name := range strings.SplitSeq(path, "/") {
		switch {
		case name == "" || name == "." || name == ".." || strings.Contains(name, "\x00"):
			return false
		case windows && strings.ContainsAny(name, `\:`): // a separator; a drive or a stream
			return false
		}
	}
	return true
}
