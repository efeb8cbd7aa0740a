//go:build linux

package tools

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"ftpd/bench/peers/apt"
)

// A Finder finds programs: those of the system, or of packages unpacked for the
// purpose. What was not found is not looked for again.
type Finder struct {
	cache *apt.Cache
	found map[string]program
	wrong map[string]error
}

// NewFinder returns a finder that unpacks into a cache.
func NewFinder(cache *apt.Cache) *Finder {
	return &Finder{cache: cache, found: make(map[string]program), wrong: make(map[string]error)}
}

// Version returns the version of a package, empty where it is not known.
func (f *Finder) Version(ctx context.Context, name string) string { return f.cache.Version(ctx, name) }

// program is where a program lies, and what it is to find in its environment.
type program struct {
	path string
	root string // of the package, / for one of the system
	env  []string
}

// program finds one of a package, by its path in the package.
func (f *Finder) program(ctx context.Context, name, path string) (program, error) {
	if found, ok := f.found[path]; ok {
		return found, nil
	}
	if err := f.wrong[name]; err != nil {
		return program{}, err
	}
	found, err := f.locate(ctx, name, path)
	switch {
	case ctx.Err() != nil: // says nothing about the package
	case err != nil:
		f.wrong[name] = err
	default:
		f.found[path] = found
	}
	return found, err
}

func (f *Finder) locate(ctx context.Context, name, path string) (program, error) {
	if found, err := exec.LookPath(filepath.Base(path)); err == nil {
		return program{path: found, root: "/"}, nil
	}
	if _, err := os.Stat(filepath.Join("/", path)); err == nil { // no user has /usr/sbin in PATH
		return program{path: filepath.Join("/", path), root: "/"}, nil
	}
	root, err := f.cache.Root(ctx, name)
	if err != nil {
		return program{}, fmt.Errorf("package %s: %w", name, err)
	}
	found := program{path: filepath.Join(root, path), root: root, env: libraries(root)}
	_, err = os.Stat(found.path)
	return found, err
}

// libraries returns the setting that makes programs find those of a root.
func libraries(root string) []string {
	var dirs []string
	for _, pattern := range []string{"usr/lib/*-linux-gnu*", "lib/*-linux-gnu*"} {
		if found, err := filepath.Glob(filepath.Join(root, pattern)); err == nil {
			dirs = append(dirs, found...)
		}
	}
	if len(dirs) == 0 {
		return nil
	}
	return []string{"LD_LIBRARY_PATH=" + strings.Join(dirs, ":")}
}
