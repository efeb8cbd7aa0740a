//go:build unix

package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"ftpd/internal/trial"
)

// soak is one run. The fields up to out are its settings.
type soak struct {
	bin     string // directory of the programs
	seed    uint64
	kills   int   // of a large file, each way
	size    int64 // of that, in bytes
	files   int   // in a tree
	trees   int   // kills of each way of copying a tree
	damage  time.Duration
	load    time.Duration
	clients int    // at once, under load
	only    string // part; empty is all
	limit   time.Duration
	out     io.Writer

	dir     string
	figures figures
}

// run is the soak in an empty directory.
func (s *soak) run(ctx context.Context, dir string) (err error) {
	s.dir = dir
	if s.bin, err = filepath.Abs(s.bin); err != nil {
		return err
	}
	s.printf("seed %d\n", s.seed)
	for _, part := range []struct {
		name string
		run  func(*world, context.Context) error
	}{
		{"get, killed", func(w *world, ctx context.Context) error { return w.killLarge(ctx, "get") }},
		{"put, killed", func(w *world, ctx context.Context) error { return w.killLarge(ctx, "put") }},
		{"get -r, killed", func(w *world, ctx context.Context) error { return w.killTree(ctx, getTree) }},
		{"put -r, killed", func(w *world, ctx context.Context) error { return w.killTree(ctx, putTree) }},
		{"mirror to here, killed", func(w *world, ctx context.Context) error { return w.killTree(ctx, mirrorHere) }},
		{"mirror to there, killed", func(w *world, ctx context.Context) error { return w.killTree(ctx, mirrorThere) }},
		{"damaged", (*world).damageAll},
		{"many clients", (*world).loadAll},
	} {
		if s.only != "" && s.only != part.name {
			continue
		}
		begun := time.Now()
		w, err := s.newWorld(part.name)
		if err == nil {
			err = part.run(w, ctx)
			err = w.end(err)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
		w.row.wall = time.Since(begun)
		s.figures.rows = append(s.figures.rows, w.row)
		s.printf("%s\n", w.row.line())
	}
	s.figures.write(s.out)
	return nil
}

// until returns when something ends that is to take so long, and leaves so much of the
// whole run for what follows.
func until(ctx context.Context, long, rest time.Duration) time.Time {
	end := time.Now().Add(long)
	if limit, ok := ctx.Deadline(); ok && limit.Add(-rest).Before(end) {
		return limit.Add(-rest)
	}
	return end
}

func (s *soak) printf(format string, args ...any) {
	_, _ = fmt.Fprintf(s.out, format, args...) // who does not read has no need of it
}

// drawer returns what a part draws from: the same for the same seed.
func (s *soak) drawer(name string) *rand.Rand {
	stream := uint64(0)
	for _, b := range []byte(name) {
		stream = stream*31 + uint64(b)
	}
	return rand.New(rand.NewPCG(s.seed, stream))
}

// makeTree makes a tree of small files, of which every tenth is empty and some have
// more than a block.
func makeTree(root string, files int, random *rand.Rand) error {
	for i := range files {
		dir := filepath.Join(root, fmt.Sprintf("d%02d", i%23), fmt.Sprintf("e%d", i%3))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		size := random.Int64N(12 << 10)
		switch {
		case i%10 == 0:
			size = 0
		case i%97 == 0:
			size = 256<<10 + random.Int64N(1<<20)
		}
		path := filepath.Join(dir, fmt.Sprintf("f%05d", i))
		if err := trial.WriteFile(path, size, random.Uint64()); err != nil {
			return err
		}
		mtime := time.Unix(1_500_000_000+random.Int64N(1e8), random.Int64N(1e9))
		if err := os.Chtimes(path, mtime, mtime); err != nil {
			return err
		}
	}
	return nil
}
