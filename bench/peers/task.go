//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"

	"ftpd/internal/trial"
)

// direction is the way that files go, as the user of a client sees it.
type direction string

const (
	put direction = "put"
	get direction = "get"
)

// task is what is measured: files of one kind going one way.
type task struct {
	direction
	kind
}

// kind is a file, or a tree of files of one size.
type kind struct {
	files int   // 0 for one alone
	size  int64 // of each, in bytes
}

func (k kind) String() string {
	if !k.tree() {
		return "one file of " + size(k.size)
	}
	return fmt.Sprintf("%s files of %s", thousands(k.files), size(k.size))
}

func (t task) String() string { return string(t.direction) + " " + t.kind.String() }

func (k kind) tree() bool { return k.files > 0 }

// name is that of the file or tree in the directory of the sources.
func (k kind) name() string {
	if !k.tree() {
		return "image"
	}
	return fmt.Sprintf("tree-%d", k.size)
}

// The sizes of the files of the trees.
const (
	smallFile = 4 << 10
	tinyFile  = 1 << 10
)

// kinds returns what is copied.
func (o options) kinds() []kind {
	var all []kind
	if o.size > 0 {
		all = append(all, kind{0, o.size})
	}
	if o.small > 0 {
		all = append(all, kind{o.small, smallFile})
	}
	if o.many > 0 {
		all = append(all, kind{o.many, tinyFile})
	}
	return all
}

func tasks(kinds []kind) []task {
	var all []task
	for _, k := range kinds {
		all = append(all, task{put, k}, task{get, k})
	}
	return all
}

// make makes what a task copies. Everybody may read it, whoever a server works as.
func (k kind) make(source string) error {
	path := filepath.Join(source, k.name())
	if !k.tree() {
		return writeSample(path, k.size, 1)
	}
	for i := range k.files {
		dir := filepath.Join(path, fmt.Sprintf("%03d", i/100))
		if err := makeDir(dir); err != nil {
			return err
		}
		if err := writeSample(filepath.Join(dir, fmt.Sprintf("%05d.dat", i)), k.size, uint64(i)); err != nil {
			return err
		}
	}
	return nil
}

func writeSample(path string, size int64, seed uint64) error {
	if err := trial.WriteFile(path, size, seed); err != nil {
		return err
	}
	return os.Chmod(path, 0o644)
}

// makeDir makes a directory that everybody may write to, whatever the umask is.
func makeDir(path string) error {
	if err := os.MkdirAll(path, 0o755); err != nil {
		return err
	}
	return os.Chmod(path, 0o777)
}

func size(n int64) string {
	for shift, unit := range map[int]string{30: "GiB", 20: "MiB", 10: "KiB"} {
		if n>>shift > 0 && n>>shift < 1024 && n&(1<<shift-1) == 0 {
			return fmt.Sprintf("%d %s", n>>shift, unit)
		}
	}
	return fmt.Sprintf("%d bytes", n)
}

// thousands writes a number with a comma before every three digits.
func thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", thousands(n/1000), n%1000)
}
