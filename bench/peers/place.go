//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"ftpd/bench/machine"
	"ftpd/bench/peers/tools"
)

// place is a new directory on a file system, gone when the run ends. A server's
// root is the place itself, so that the same source serves both ways.
type place struct {
	parent string // as the user named it
	dir    string
	memory bool // nothing of it is on a disk
	copies int  // that were begun
	kept   int  // files of copies that are still there
}

// The directories of a place.
const (
	sourceDir  = "source"
	targetDir  = "target"
	scratchDir = "scratch"
)

func newPlace(parent string, kinds []kind) (*place, error) {
	dir, err := os.MkdirTemp(parent, "ftpd-peers-")
	if err != nil {
		return nil, err
	}
	p := &place{parent: parent, dir: dir, memory: machine.FileSystem(parent) == "tmpfs"}
	if err := p.fill(kinds); err != nil {
		return nil, errors.Join(err, p.remove())
	}
	return p, nil
}

func (p *place) fill(kinds []kind) error {
	if err := os.Chmod(p.dir, 0o755); err != nil {
		return err
	}
	source := filepath.Join(p.dir, sourceDir)
	if err := makeDir(source); err != nil {
		return err
	}
	for _, k := range kinds {
		if err := k.make(source); err != nil {
			return err
		}
	}
	return nil
}

func (p *place) remove() error { return os.RemoveAll(p.dir) }

// source returns the path of a source below the place.
func source(k kind) string { return filepath.Join(sourceDir, k.name()) }

// next makes room for one copy: a new directory for it, below the place, and an
// empty one for the tool's own files.
func (p *place) next(k kind) (into string, scratch tools.Place, err error) {
	if err := p.tidy(); err != nil {
		return "", scratch, err
	}
	p.copies++
	p.kept += k.files
	into = filepath.Join(targetDir, strconv.Itoa(p.copies))
	scratch = tools.Place{Root: p.dir, Scratch: filepath.Join(p.dir, scratchDir)}
	return into, scratch, errors.Join(
		os.RemoveAll(scratch.Scratch), makeDir(scratch.Scratch), makeDir(filepath.Join(p.dir, into)))
}

// keepMax is how many files of copies stay on a disk.
const keepMax = 1_000_000

// tidy removes copies before there are too many of them.
//
// On a disk, copies of trees stay as long as that is possible: for minutes after
// many files were removed, ext4 is slow to make others (it passes over each inode
// that was freed lately), and whoever comes next would pay for what the one
// before left. Memory has no such cost, and less room.
func (p *place) tidy() error {
	if !p.memory && p.kept < keepMax {
		return nil
	}
	p.kept = 0
	return os.RemoveAll(filepath.Join(p.dir, targetDir))
}

// discard removes a copy that takes much room.
func (p *place) discard(into string, k kind) error {
	if k.tree() {
		return nil
	}
	return os.RemoveAll(filepath.Join(p.dir, into))
}

func (p *place) String() string {
	return fmt.Sprintf("%s (%s)", p.parent, machine.FileSystem(p.parent))
}
