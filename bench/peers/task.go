//go:build unix

package main

import (
	"fmt"
	"os"
	"path/filepath"

	"ftpd/internal/trial"
)

// smallFile is the size of each file of the tree.
const smallFile = 4 << 10

// direction is the way that files go, as the user of a client sees it.
type direction string

const (
	put direction = "put"
	get direction = "get"
)

// task is what is measured: files of one kind going one way.
type task struct {
	direction
	what string
	name string // in the directories source and target
	tree bool
}

func (t task) String() string { return string(t.direction) + " " + t.what }

func tasks(o options) []task {
	large := size(o.size)
	small := fmt.Sprintf("%d files of 4 KiB", o.files)
	return []task{
		{put, "one file of " + large, "image", false},
		{get, "one file of " + large, "image", false},
		{put, small, "tree", true},
		{get, small, "tree", true},
	}
}

// The directories of a place. A server's root is the place itself, so that the
// same source serves both ways.
const (
	sourceDir = "source"
	targetDir = "target"
)

// makeSource makes what all tasks copy.
func makeSource(place string, o options) error {
	source := filepath.Join(place, sourceDir)
	if err := os.Mkdir(source, 0o777); err != nil {
		return err
	}
	if err := trial.WriteFile(filepath.Join(source, "image"), o.size, 1); err != nil {
		return err
	}
	for i := range o.files {
		dir := filepath.Join(source, "tree", fmt.Sprintf("%03d", i/100))
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return err
		}
		if err := trial.WriteFile(filepath.Join(dir, fmt.Sprintf("%05d.dat", i)), smallFile, uint64(i)); err != nil {
			return err
		}
	}
	return nil
}

func size(n int64) string {
	for shift, unit := range map[int]string{30: "GiB", 20: "MiB", 10: "KiB"} {
		if n>>shift > 0 && n>>shift < 1024 && n&(1<<shift-1) == 0 {
			return fmt.Sprintf("%d %s", n>>shift, unit)
		}
	}
	return fmt.Sprintf("%d bytes", n)
}
