//go:build linux

// Package apt unpacks Debian packages into a directory and runs nothing of
// them: no service starts, no user is made, and packages that exclude one
// another lie side by side.
package apt

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

// A Cache is a directory of unpacked packages. It stays from one run to the
// next.
type Cache struct {
	dir    string
	notes  func(format string, args ...any)
	update sync.Once
	stale  error // of the update
}

// New returns the cache in dir, which is made when something is unpacked. notes
// hears of what is fetched.
func New(dir string, notes func(format string, args ...any)) *Cache {
	return &Cache{dir: dir, notes: notes}
}

// unpacked marks a root that is complete.
const unpacked = ".unpacked"

// Root returns the directory that a package is unpacked in, together with all
// it depends on that the system lacks.
func (c *Cache) Root(ctx context.Context, name string) (string, error) {
	dir, err := filepath.Abs(filepath.Join(c.dir, name))
	if err != nil {
		return "", err
	}
	root := filepath.Join(dir, "root")
	if _, err := os.Stat(filepath.Join(dir, unpacked)); err == nil {
		return root, nil
	}
	c.notes("unpacking %s into %s", name, dir)
	// What an interrupted run left is of no use.
	if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(filepath.Join(dir, archives, "partial"), 0o755)); err != nil {
		return "", err
	}
	if err := c.download(ctx, dir, name); err != nil {
		return "", err
	}
	if err := unpackAll(ctx, dir, root); err != nil {
		return "", err
	}
	return root, os.WriteFile(filepath.Join(dir, unpacked), nil, 0o666)
}

// archives is the directory of the packages as they were fetched.
const archives = "archives"

// download fetches what apt-get would install for one package, and tries again
// with new lists: a fresh container has none.
func (c *Cache) download(ctx context.Context, dir, name string) error {
	fetch := []string{
		"install", "-y", "-qq", "--no-install-recommends", "--download-only",
		// It installs nothing, so it needs none of the system's locks.
		"-o", "Debug::NoLocking=1", "-o", "Dir::Cache=" + dir, "-o", "Dir::Cache::archives=" + archives, name,
	}
	if run(ctx, "apt-get", fetch...) == nil {
		return nil
	}
	c.update.Do(func() { c.stale = run(ctx, "apt-get", "update", "-qq") })
	if err := run(ctx, "apt-get", fetch...); err != nil {
		return errors.Join(err, c.stale)
	}
	return nil
}

func unpackAll(ctx context.Context, dir, root string) error {
	packages, err := filepath.Glob(filepath.Join(dir, archives, "*.deb"))
	if err == nil && len(packages) == 0 {
		err = errors.New("apt-get has fetched nothing: the package is installed already")
	}
	for _, p := range packages {
		err = errors.Join(err, run(ctx, "dpkg", "-x", p, root))
	}
	return err
}

// run runs a program that installs; its messages are part of the error.
func run(ctx context.Context, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, lastLine(string(out)))
	}
	return nil
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

// Version returns the version of a package, unpacked or installed; empty where
// neither is known.
func (c *Cache) Version(ctx context.Context, name string) string {
	found, err := filepath.Glob(filepath.Join(c.dir, name, archives, name+"_*.deb"))
	if err == nil && len(found) > 0 {
		// NAME_VERSION_ARCHITECTURE.deb, with the colon of an epoch as %3a.
		if parts := strings.Split(filepath.Base(found[0]), "_"); len(parts) == 3 {
			if version, err := url.PathUnescape(parts[1]); err == nil {
				return version
			}
		}
	}
	out, err := exec.CommandContext(ctx, "dpkg-query", "-W", "-f", "${Version}", name).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}
