package main

import (
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"ftpd/client"
	"ftpd/internal/command"
	"ftpd/protocol"
)

// place is where the copies of a command go.
type place struct {
	dir       string       // the value of -d
	into      bool         // -d was given
	path      string       // the last argument; empty where there is none
	recursive bool         // -r was given
	links     client.Links // what is done about symbolic links in trees
}

// occupant is what is at a path before a copy goes there.
type occupant uint8

const (
	nothing occupant = iota
	directory
	other
)

// side is what place needs to know of the machine the copies go to.
type side struct {
	look func(path string) (occupant, error)
	join func(dir, name string) string
	// spell returns a path so that the command line could have it.
	spell func(path string) string
	// notDirectory is the fault of a tree that would have to replace a file.
	notDirectory error
}

// target returns where the copy of one source goes. -d is a directory that
// the copy goes into. Otherwise a path is the copy's own, but with -r, as with
// cp -r, a directory that exists is one the copy goes into. name is the
// source's and empty for the root, whose content goes where it is put.
func (p place) target(name string, tree bool, s side) (string, error) {
	switch {
	case p.into:
		return s.join(p.dir, name), nil
	case p.path == "" && name == "":
		return ".", nil
	case p.path == "":
		return name, nil
	case !p.recursive:
		return p.path, mustNameFile(s.spell(p.path))
	}
	there, err := s.look(p.path)
	switch {
	case err != nil:
		return "", err
	case there == directory:
		return s.join(p.path, name), nil
	case tree && there == other:
		return "", failed(p.path, s.notDirectory)
	case tree:
		return p.path, nil
	}
	return p.path, mustNameFile(s.spell(p.path))
}

// anotherTry returns a hint for a tree that was not copied whole to a target
// that was not there: it is now, and the same command would copy into it. goOn is
// the command that goes on instead.
func (p place) anotherTry(name, target string, tree bool, s side, goOn string) string {
	if !tree || !p.recursive || p.into || p.path == "" || target != p.path || name == "" {
		return ""
	}
	return goOn + " goes on; the same command would now copy into " + visible(s.join(s.spell(target), name))
}

// mirrors returns the command line of a mirror, for people.
func mirrors(from, to string) string { return "ftpc mirror " + visible(from) + " " + visible(to) }

// urlOf returns the URL of a path on the server of this command.
func (c *call) urlOf(remote string) string {
	return c.server.url() + "/" + (&url.URL{Path: remote}).EscapedPath()
}

// likely is target without a look: where a copy that failed would have gone.
func (p place) likely(name string, join func(dir, name string) string) string {
	switch {
	case p.into:
		return join(p.dir, name)
	case p.path != "":
		return p.path
	}
	return name
}

// mustNameFile is mustNameFile of the path as the command line has it.
func (p place) mustNameFile() error { return mustNameFile(p.path) }

// mustNameFile refuses "name/" as the name of a file, and a URL of the served
// directory: whoever writes it means a directory.
func mustNameFile(given string) error {
	last := given[len(given)-1]
	if last != '/' && !os.IsPathSeparator(last) && !isRoot(given) {
		return nil
	}
	usage := command.Usagef("%s names a directory, not a file", given)
	usage.Hint = "-d " + given + " copies into it"
	return usage
}

// here is the side of this machine.
var here = side{
	look: func(path string) (occupant, error) {
		info, err := os.Stat(path)
		switch {
		case errors.Is(err, os.ErrNotExist):
			return nothing, nil
		case err != nil:
			return nothing, failed(path, &client.LocalError{Op: "stat", Path: path, Err: err})
		case info.IsDir():
			return directory, nil
		}
		return other, nil
	},
	join:         func(dir, name string) string { return filepath.Join(dir, name) },
	spell:        func(path string) string { return path },
	notDirectory: &client.LocalError{Op: "mkdir", Err: errors.New("is not a directory")},
}

// there is the side of the server.
func (c *call) there() side {
	return side{
		look: func(path string) (occupant, error) {
			info, err := c.client.Stat(c.Context.Context, path)
			switch {
			case errors.Is(err, client.ErrNotFound):
				return nothing, nil
			case err != nil:
				return nothing, failed(path, err)
			case info.Kind == client.Directory:
				return directory, nil
			}
			return other, nil
		},
		join:         joinRemote,
		spell:        c.out.spell,
		notDirectory: &client.Error{Op: "mkdir", Code: protocol.NotDirectory},
	}
}

// splitArguments tells the sources of a copy from its destination: all are
// sources with -d, and otherwise the second of two is the destination.
func splitArguments(arguments []string, into bool) (sources []string, path string, err error) {
	if into || len(arguments) == 1 {
		return arguments, "", nil
	}
	if len(arguments) == 2 {
		return arguments[:1], arguments[1], nil
	}
	return nil, "", needsDirectory()
}

// needsDirectory is several sources without a directory to put them in.
func needsDirectory() error {
	usage := command.Usagef("several files need a directory to go to")
	usage.Hint = "-d DIR names it"
	return usage
}

// trimLocal returns the name under which a path of this machine is stored on
// the server; "." and "/" have none, so that their content goes where it is put.
func trimLocal(local string) (string, error) {
	clean := filepath.Clean(local)
	if strings.HasSuffix(clean, "..") {
		absolute, err := filepath.Abs(clean)
		if err != nil {
			return "", &client.LocalError{Op: "stat", Path: local, Err: err}
		}
		clean = absolute
	}
	name := filepath.Base(clean)
	if name == "." || name == string(filepath.Separator) {
		return "", nil
	}
	return name, nil
}
