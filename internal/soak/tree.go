//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"ftpd/internal/trial"
)

// copying is a way to copy a tree: tree in one place becomes tree in the other.
type copying struct {
	args []string
	up   bool // to the server
	goes bool // a run goes on with what the one before it did
}

var (
	getTree     = copying{args: []string{"get", "-r", "--json", "tree"}}
	putTree     = copying{args: []string{"put", "-r", "--json", "tree"}, up: true}
	mirrorHere  = copying{args: []string{"mirror", "--json", "ftpd:///tree", "tree"}, goes: true}
	mirrorThere = copying{args: []string{"mirror", "--json", "tree", "ftpd:///tree"}, up: true, goes: true}
)

// killTree copies a tree of small files, and kills on the way. A run without a kill
// comes last, and then all has to be there.
func (w *world) killTree(ctx context.Context, c copying) error {
	from, to := filepath.Join(w.root, "tree"), filepath.Join(w.here, "tree")
	if c.up {
		from, to = to, from
	}
	if err := makeTree(from, w.files, w.random); err != nil {
		return err
	}
	size, err := sizeOf(from)
	if err != nil {
		return err
	}
	for range w.trees {
		after := 1 + w.random.Int64N(size)
		if c.goes { // else it would be there after a few
			after = 1 + w.random.Int64N(2*size/int64(w.trees))
		}
		o, _, err := w.killed(ctx, after, w.anybody(), w.args(c)...)
		if err != nil {
			return err
		}
		if err := w.acknowledged(records(o.out), from, to); err != nil {
			return err
		}
	}
	if _, _, err := w.killed(ctx, 0, theClient, w.args(c)...); err != nil {
		return err
	}
	if c.goes {
		w.row.size = size
	}
	// Which finds what was left of a killed run too: it is in one of them only.
	_, err = trial.Compare(from, to, trial.Mode|trial.Mtime)
	return err
}

// args returns the arguments of a copy, with the address in its URL.
func (w *world) args(c copying) []string {
	args := []string{"-q"}
	for _, a := range c.args {
		args = append(args, strings.Replace(a, "ftpd:///", "ftpd://"+w.relay.Address()+"/", 1))
	}
	return args
}

// acknowledged tells whether what a client said to be there is: whole, whoever was
// killed since.
func (w *world) acknowledged(all []record, from, to string) error {
	for _, r := range all {
		name, ok := strings.CutPrefix(r.Remote, "tree/")
		if r.Type != "file" || r.Error != nil || r.Skipped != "" || !ok {
			continue
		}
		if _, err := trial.Compare(filepath.Join(from, name), filepath.Join(to, name), trial.Content); err != nil {
			return fmt.Errorf("%s was acknowledged: %w", r.Remote, err)
		}
		w.row.checked++
	}
	return nil
}

// sizeOf returns the bytes of all files of a tree.
func sizeOf(dir string) (size int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			size += info.Size()
		}
		return err
	})
	return size, errors.Join(err)
}
