//go:build unix

package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"ftpd/internal/trial"
)

// seed makes the sample the same on each machine and in each run.
const seed = 2120

func makeImage(path string, size int64) error {
	if err := trial.WriteFile(path, size, seed); err != nil {
		return err
	}
	return dress(path, 0o640, time.Date(2024, 2, 29, 12, 30, 0, 123_456_789, time.UTC))
}

// dress gives a file the mode and the time by which its copies are known.
func dress(path string, mode os.FileMode, mtime time.Time) error {
	if err := os.Chmod(path, mode); err != nil {
		return err
	}
	return os.Chtimes(path, time.Time{}, mtime)
}

// makeTree makes a tree of small files, empty ones among them, in nested
// directories, and returns their names, no two the same. The modes, times and
// names are of every kind that a copy may keep wrong.
func makeTree(root string, files int) ([]string, error) {
	random := rand.New(rand.NewPCG(seed, 0))
	dirs, err := makeDirectories(root)
	if err != nil {
		return nil, err
	}
	modes := []os.FileMode{0o644, 0o600, 0o755, 0o444, 0o640, 0o400, 0o666}
	patterns := namePatterns()
	names := make([]string, files)
	for i := range names {
		names[i] = fmt.Sprintf(patterns[i%len(patterns)], i)
		path := filepath.Join(dirs[random.IntN(len(dirs))], names[i])
		if err := trial.WriteFile(path, sizeOf(i, random), uint64(seed+i)); err != nil {
			return nil, err
		}
		mtime := time.Unix(random.Int64N(1_900_000_000), random.Int64N(1e9))
		if err := dress(path, modes[i%len(modes)], mtime); err != nil {
			return nil, err
		}
	}
	return names, nil
}

// sizeOf is at most 64 KiB; every fiftieth file is empty.
func sizeOf(i int, random *rand.Rand) int64 {
	if i%50 == 0 {
		return 0
	}
	return random.Int64N(64<<10 + 1)
}

// makeDirectories returns where files may be; one more directory stays empty.
func makeDirectories(root string) ([]string, error) {
	dirs := []string{root}
	for _, name := range []string{"album", "album/2024", "album/2024/a b", "album/2024/a b/-r", "src", "src/.hidden", "Ω", "Ω/目录"} {
		dirs = append(dirs, filepath.Join(root, name))
	}
	for _, dir := range append(dirs, filepath.Join(root, "empty")) {
		if err := os.Mkdir(dir, 0o777); err != nil {
			return nil, err
		}
	}
	return dirs, os.Chmod(filepath.Join(root, "src", ".hidden"), 0o700)
}

// namePatterns are names that a user's shell, a terminal or a careless program
// trips over.
func namePatterns() []string {
	patterns := []string{
		"plain-%d.txt", "no extension %d", " leading space %d", "trailing space %d ",
		"-%d-looks like a flag", "--server=%d", ".hidden-%d", "..%d", "...%d...",
		"café-%d", "日本語-%d.txt", "🗂️ %d", "e\u0301-%d", "\u202e-%d",
		"quotes '\"`-%d", "back\\slash-%d", "star *?[a-z] %d", "$HOME;&|<>(){}!#~ %d", "100%% %d",
		"line\nbreak-%d", "tab\tand\rreturn-%d", "\x1b[31m-%d", "\x7f-%d", "C:-%d", "con-%d.",
		strings.Repeat("long-", 49) + "%05d",
	}
	if runtime.GOOS == "linux" { // other kernels refuse names that are no UTF-8
		patterns = append(patterns, "\xff\xfe-%d", "latin1-\xe9-%d")
	}
	return patterns
}
