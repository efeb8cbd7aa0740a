//go:build linux

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"ftpd/bench/machine"
	"ftpd/bench/peers/tools"
	"ftpd/internal/trial"
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

func (p *place) remove() error { return errors.Join(remove(p.dir), remove(p.scratch())) }

// scratch is where a tool keeps its own files: beside what is served, for a key does not
// belong there.
func (p *place) scratch() string { return p.dir + "." + scratchDir }

// remove removes a tree, whatever modes a client has given its directories.
func remove(path string) error {
	err := os.RemoveAll(path)
	if errors.Is(err, fs.ErrPermission) {
		err = errors.Join(unlock(path), os.RemoveAll(path))
	}
	return err
}

// unlock lets this user into every directory of a tree, and read its files. lftp
// takes a server's word for a mode that may shut out everybody but root.
func unlock(path string) error {
	return filepath.WalkDir(path, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		least := fs.FileMode(0o400)
		if d.IsDir() {
			least = 0o700
		}
		if err != nil || d.Type()&^fs.ModeDir != 0 || info.Mode()&least == least {
			return err
		}
		return os.Chmod(path, info.Mode().Perm()|least)
	})
}

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
	scratch = tools.Place{Root: p.dir, Scratch: p.scratch()}
	return into, scratch, errors.Join(
		remove(scratch.Scratch), makeDir(scratch.Scratch), makeDir(filepath.Join(p.dir, into)))
}

// verify compares a copy with its source.
func (p *place) verify(into string, k kind) error {
	replica := filepath.Join(p.dir, into, k.name())
	if err := unlock(replica); err != nil {
		return err
	}
	_, err := trial.Compare(filepath.Join(p.dir, source(k)), replica, trial.Content)
	return err
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
	return remove(filepath.Join(p.dir, targetDir))
}

// discard removes a copy that takes much room.
func (p *place) discard(into string, k kind) error {
	if k.tree() {
		return nil
	}
	return remove(filepath.Join(p.dir, into))
}

func (p *place) String() string {
	return fmt.Sprintf("%s (%s)", p.parent, machine.FileSystem(p.parent))
}
