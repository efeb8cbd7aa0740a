//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"ftpd/internal/trial"
)

// What the demo sends, and where it gets it back to: names in the directory it
// works in, next to the server's root.
const (
	image = "image.bin"
	tree  = "tree"
	back  = "back"
)

type demo struct {
	bin   string // directory of the programs
	size  int64  // of the large file, bytes
	files int    // in the tree
	out   io.Writer

	dir    string
	server *trial.Server
	names  []string // of all files of the tree, no two the same
}

// run is the demo in an empty directory.
func (d *demo) run(ctx context.Context, dir string) (err error) {
	d.dir = dir
	if d.bin, err = filepath.Abs(d.bin); err != nil {
		return err
	}
	if err := d.prepare(); err != nil {
		return err
	}
	d.server, err = trial.StartServer(d.bin, filepath.Join(dir, "root"))
	if err != nil {
		return err
	}
	total, err := d.there(ctx)
	if _, stopErr := d.server.Stop(); err != nil || stopErr != nil {
		return errors.Join(err, stopErr)
	}
	d.printf("\n%s files, %s, came back with the same bytes, modes and times.\n", grouped(total.Files), mebibytes(total.Bytes))
	d.printf("The server ended with status 0 on SIGTERM.\n")
	return nil
}

// prepare makes what is sent.
func (d *demo) prepare() error {
	for _, name := range []string{"root", back} {
		if err := os.Mkdir(filepath.Join(d.dir, name), 0o777); err != nil {
			return err
		}
	}
	if err := makeImage(filepath.Join(d.dir, image), d.size); err != nil {
		return err
	}
	var err error
	d.names, err = makeTree(filepath.Join(d.dir, tree), d.files)
	return err
}

// there is the way there and back.
func (d *demo) there(ctx context.Context) (trial.Total, error) {
	large, err := measure(filepath.Join(d.dir, image))
	if err != nil {
		return trial.Total{}, err
	}
	small, err := measure(filepath.Join(d.dir, tree))
	if err != nil {
		return trial.Total{}, err
	}
	d.printf("%-34s %7s %12s %8s %7s\n", "command", "files", "size", "seconds", "MB/s")
	for _, step := range []struct {
		line  string
		moves trial.Total
		check func(printed string) error
	}{
		{"put " + image, large, nil},
		{"put -r " + tree, small, nil},
		{"ls -R", trial.Total{Files: large.Files + small.Files}, d.listed},
		{"get " + image + " " + back + "/" + image, large, nil},
		{"get -r " + tree + " " + back, small, nil},
	} {
		if err := d.step(ctx, step.line, step.moves, step.check); err != nil {
			return trial.Total{}, err
		}
	}
	return d.compare()
}

// step runs ftpc as a user would and prints a row of the table.
func (d *demo) step(ctx context.Context, line string, moves trial.Total, check func(string) error) error {
	args := append([]string{"--server", d.server.Address}, strings.Fields(line)...)
	cmd := trial.Command(ctx, filepath.Join(d.bin, "ftpc"), args...)
	cmd.Dir = d.dir
	var printed bytes.Buffer
	cmd.Stdout = &printed
	usage, err := trial.Run(cmd)
	if err != nil {
		return fmt.Errorf("ftpc %s: %w", line, err)
	}
	size, rate := "", ""
	if moves.Bytes > 0 {
		size, rate = mebibytes(moves.Bytes), perSecond(moves.Bytes, usage.Wall)
	}
	row := fmt.Sprintf("%-34s %7s %12s %8.2f %7s", "ftpc "+line, grouped(moves.Files), size, usage.Wall.Seconds(), rate)
	d.printf("%s\n", strings.TrimRight(row, " "))
	if check != nil {
		return check(printed.String())
	}
	return nil
}

// listed looks for each name on a line of its own. A name may itself hold a
// line break, which ls leaves as it is when it writes to no terminal.
func (d *demo) listed(printed string) error {
	for _, name := range append(d.names, image) {
		if !strings.Contains(printed, "\n"+name+"\n") {
			return fmt.Errorf("ls -R does not list %q", name)
		}
	}
	return nil
}

// compare holds what came back, and what the server kept, against what was sent.
func (d *demo) compare() (trial.Total, error) {
	var total trial.Total
	for _, name := range []string{image, tree} {
		source := filepath.Join(d.dir, name)
		if _, err := trial.Compare(source, filepath.Join(d.dir, "root", name), trial.Mode|trial.Mtime); err != nil {
			return total, err
		}
		found, err := trial.Compare(source, filepath.Join(d.dir, back, name), trial.Mode|trial.Mtime)
		if err != nil {
			return total, err
		}
		total.Add(found)
	}
	return total, nil
}

func (d *demo) printf(format string, args ...any) {
	_, _ = fmt.Fprintf(d.out, format, args...) // a table nobody reads is no failure of what it tells of
}

// measure counts what there is at a path.
func measure(path string) (trial.Total, error) {
	var total trial.Total
	err := filepath.WalkDir(path, func(_ string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		total.Files++
		total.Bytes += info.Size()
		return nil
	})
	return total, err
}

func mebibytes(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

func perSecond(n int64, took time.Duration) string {
	return fmt.Sprintf("%.0f", float64(n)/1e6/took.Seconds())
}

// grouped writes 1234567 as 1,234,567.
func grouped(n int) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
