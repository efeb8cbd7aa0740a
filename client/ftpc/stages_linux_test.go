package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"ftpd/internal/trial"
)

// stages are where a command is held up and then interrupted: after a part of what one
// side sends, and before the last bytes, which are of its last frame.
var stages = []struct {
	name string
	at   func(total int64) int64
}{
	{"in the first frame", func(int64) int64 { return 5 }},
	{"behind the first frame", func(int64) int64 { return 60 }},
	{"at a tenth", func(total int64) int64 { return total / 10 }},
	{"in the middle", func(total int64) int64 { return total / 2 }},
	{"in the last frame", func(total int64) int64 { return total - 15 }},
}

// staged is a command that is interrupted at every stage.
type staged struct {
	args   string
	source string // what it copies, and where to; empty where it does not
	copied string
	puts   bool
}

// Ctrl-C at any stage ends a command with its status, and leaves whole files and what
// the same command goes on with, which it names; then that completes the copy, and
// nothing else is left.
func TestInterruptedAtAnyStage(t *testing.T) {
	for _, c := range []staged{
		{args: "get big", source: "big", copied: "big"},
		{args: "get small", source: "small", copied: "small"},
		{args: "get -r tree", source: "tree", copied: "tree"},
		{args: "mirror ftpd:///tree copy", source: "tree", copied: "copy"},
		{args: "put big", source: "big", copied: "big", puts: true},
		{args: "put small", source: "small", copied: "small", puts: true},
		{args: "put -r tree", source: "tree", copied: "tree", puts: true},
		{args: "mirror tree ftpd:///copy", source: "tree", copied: "copy", puts: true},
		{args: "ls -lR"},
		{args: "sum big tree/d1/b"},
		{args: "rm -r tree"},
	} {
		t.Run(c.args, func(t *testing.T) {
			total := c.count(t)
			for _, stage := range stages {
				t.Run(stage.name, func(t *testing.T) {
					t.Parallel() // each takes its leave of a server that does not hear it
					c.interrupt(t, stage.at(total))
				})
			}
		})
	}
}

// count runs the command on new directories and returns how many bytes the side sends
// that its data comes from.
func (c *staged) count(t *testing.T) int64 {
	t.Helper()
	root, address := serveTemp(t)
	relay, passed := countOf(t, address, c.puts)
	cmd := quietCommand(t, relay, strings.Fields(c.args)...)
	c.fill(t, root, cmd.Dir)
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v, %s", err, cmd.Stderr)
	}
	return passed.Load()
}

// interrupt runs the command on new directories, holds it up after so many bytes of that
// side and interrupts it, and then runs it once more.
func (c *staged) interrupt(t *testing.T, at int64) {
	t.Helper()
	root, address := serveTemp(t)
	args := strings.Fields(c.args)
	relay, held, release := holdAfter(t, address, c.puts, at)
	defer release()
	cmd := quietCommand(t, relay, args...)
	c.fill(t, root, cmd.Dir)
	check(t, cmd.Start())
	watch(t, cmd)
	<-held
	check(t, cmd.Process.Signal(os.Interrupt))
	_ = cmd.Wait() // what it returns is checked as the status
	said := cmd.Stderr.(*bytes.Buffer).String()
	if got := cmd.ProcessState.ExitCode(); got != int(statusInterrupted) {
		t.Errorf("status %d, and it says %q", got, said)
	}
	c.checkLeft(t, root, cmd.Dir, said)
	release()
	if c.source == "" {
		return
	}
	again := exec.CommandContext(t.Context(), "ftpc", args...)
	again.Env, again.Dir = cmd.Env, cmd.Dir
	if out, err := again.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("once more: %v, %s", err, out)
	}
	from, to := c.ends(root, cmd.Dir)
	if _, err := trial.Compare(filepath.Join(from, c.source), filepath.Join(to, c.copied), trial.Mode|trial.Mtime); err != nil {
		t.Error(err)
	}
	if !c.puts {
		wantLeft(t, to, c.copied)
	}
}

// ends returns where the command copies from and to.
func (c *staged) ends(root, dir string) (from, to string) {
	if c.puts {
		return dir, root
	}
	return root, dir
}

func (c *staged) fill(t *testing.T, root, dir string) {
	t.Helper()
	from, _ := c.ends(root, dir)
	check(t, os.WriteFile(filepath.Join(from, "small"), []byte("a small file"), 0o640))
	blocksOf(t, filepath.Join(from, "big"), 5<<20)
	for d := range 4 {
		sub := filepath.Join(from, "tree", fmt.Sprint("d", d))
		check(t, os.MkdirAll(sub, 0o755))
		for i := range 10 {
			check(t, os.WriteFile(filepath.Join(sub, fmt.Sprint(i)), bytes.Repeat([]byte{byte(i)}, 3000*i), 0o644))
		}
		blocksOf(t, filepath.Join(sub, "b"), 1<<20+d)
	}
}

// checkLeft wants whole files where the copy goes, under their names, and beside them
// only what can be gone on with; of one file the message names that.
func (c *staged) checkLeft(t *testing.T, root, dir, said string) {
	t.Helper()
	from, to := c.ends(root, dir)
	part := ""
	check(t, filepath.WalkDir(to, func(path string, d fs.DirEntry, err error) error {
		switch name, _ := filepath.Rel(to, path); {
		case err != nil || d.IsDir() && d.Name() == ".ftpd-staging":
			return fs.SkipDir
		case d.IsDir():
		case !c.puts && strings.HasSuffix(name, ".ftpc-part"):
			part = name
		case !c.puts && strings.HasSuffix(name, ".ftpc-journal"):
			if _, err := os.Stat(strings.TrimSuffix(path, "journal") + "part"); err != nil {
				t.Errorf("a journal without its part: %v", err)
			}
		case c.source == "":
			t.Errorf("%s is left", name)
		default:
			below, _ := filepath.Rel(c.copied, name)
			if _, err := trial.Compare(filepath.Join(from, c.source, below), path, trial.Mode|trial.Mtime); err != nil {
				t.Errorf("%s is not whole: %v", name, err)
			}
		}
		return nil
	}))
	pattern := `^ftpc: \w+( \S+)?: interrupted\n(hint: run the same command again: it goes on .*\n)?$`
	if part != "" && c.source == "big" {
		pattern = `interrupted\nhint: run the same command again: it goes on behind the .* in ` + regexp.QuoteMeta(part) + `\n$`
	}
	if !regexp.MustCompile(pattern).MatchString(said) {
		t.Errorf("it says %q, and there is %q", said, part)
	}
}
