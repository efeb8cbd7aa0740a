package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// limited returns a command that runs with less of something; limit is what ulimit
// takes.
func limited(t *testing.T, address, limit string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := quietCommand(t, address)
	shell := exec.CommandContext(t.Context(), "sh", append([]string{"-c", "ulimit " + limit + ` && exec ftpc "$@"`, "sh"}, args...)...)
	shell.Env, shell.Dir, shell.Stderr = cmd.Env, cmd.Dir, cmd.Stderr
	return shell
}

// again runs a command once more, without what was in its way.
func again(t *testing.T, first *exec.Cmd, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "ftpc", args...)
	cmd.Env, cmd.Dir = first.Env, first.Dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("once more: %v, %s", err, out)
	}
}

// wantLeft fails unless a directory holds these names and no other.
func wantLeft(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	check(t, err)
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%q are left, want %q", got, want)
	}
}

// mountTemp puts a small file system at a directory.
func mountTemp(t *testing.T, dir, options string) {
	t.Helper()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		t.Skipf("no small file system: %v", err)
	}
	t.Cleanup(func() { check(t, unix.Unmount(dir, unix.MNT_DETACH)) })
}

const goesOnHint = `\nhint: run the same command again: it goes on behind the [0-9.]+ [KM]iB in \.big\.ftpc-part\n$`

// A get that finds no room keeps what came, says where, and goes on when there is room.
func TestGetWithoutRoom(t *testing.T) {
	root, address := serveTemp(t)
	content := blocksOf(t, filepath.Join(root, "big"), 4<<20)
	t.Run("full disk", func(t *testing.T) {
		cmd := quietCommand(t, address, "get", "big")
		mountTemp(t, cmd.Dir, "size=1m")
		_ = cmd.Run() // what it returns is checked as the status
		wantEnd(t, cmd.ProcessState.ExitCode(), statusLocal, cmd.Stderr, `^ftpc: get big: no space left on device`+goesOnHint)
		wantLeft(t, cmd.Dir, ".big.ftpc-part", ".big.ftpc-journal")
		check(t, unix.Mount("", cmd.Dir, "", unix.MS_REMOUNT, "size=16m"))
		again(t, cmd, "get", "big")
		wantFile(t, filepath.Join(cmd.Dir, "big"), content)
		wantLeft(t, cmd.Dir, "big")
	})
	t.Run("limit of a file's size", func(t *testing.T) {
		cmd := limited(t, address, "-f 2000", "get", "big") // of 512 or 1024 bytes each
		_ = cmd.Run()                                       // what it returns is checked as the status
		wantEnd(t, cmd.ProcessState.ExitCode(), statusLocal, cmd.Stderr, `^ftpc: get big: file too large`+goesOnHint)
		wantLeft(t, cmd.Dir, ".big.ftpc-part", ".big.ftpc-journal")
		again(t, cmd, "get", "big")
		wantFile(t, filepath.Join(cmd.Dir, "big"), content)
		wantLeft(t, cmd.Dir, "big")
	})
}

// Where nothing can be written, nothing is left.
func TestGetWhereNothingCanBeWritten(t *testing.T) {
	root, address := serveTemp(t)
	blocksOf(t, filepath.Join(root, "big"), 1<<20)
	check(t, os.WriteFile(filepath.Join(root, "small"), []byte("x"), 0o600))
	long := strings.Repeat("x", 256)
	for _, file := range []string{"big", "small"} {
		t.Run("read-only file system, "+file, func(t *testing.T) {
			cmd := quietCommand(t, address, "get", file)
			mountTemp(t, cmd.Dir, "ro")
			_ = cmd.Run() // what it returns is checked as the status
			wantEnd(t, cmd.ProcessState.ExitCode(), statusLocal, cmd.Stderr, `^ftpc: get `+file+`: read-only file system\n$`)
			wantLeft(t, cmd.Dir)
		})
		t.Run("read-only directory, "+file, func(t *testing.T) {
			cmd := quietCommand(t, address, "get", file)
			if readsForbidden(t) {
				t.Skip("this user may write to a directory of mode 0500, as root may")
			}
			check(t, os.Chmod(cmd.Dir, 0o500))
			_ = cmd.Run() // what it returns is checked as the status
			wantEnd(t, cmd.ProcessState.ExitCode(), statusLocal, cmd.Stderr, `^ftpc: get `+file+`: permission denied\n$`)
			wantLeft(t, cmd.Dir)
		})
		t.Run("name too long, "+file, func(t *testing.T) {
			cmd := quietCommand(t, address, "get", file, long)
			_ = cmd.Run() // what it returns is checked as the status
			wantEnd(t, cmd.ProcessState.ExitCode(), statusLocal, cmd.Stderr, `^ftpc: get `+file+`: x+: file name too long\n$`)
			wantLeft(t, cmd.Dir)
		})
	}
}

// What becomes of the target while a file comes is told in the end, and nothing else
// is left.
func TestTargetChangesMeanwhile(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(dir string) error
		want   status
		says   string
		left   []string
	}{
		{"its directory is removed", os.RemoveAll, statusLocal, `^ftpc: get big: sub/copy: no such file or directory\nhint: make the directory sub first; .*\n$`, nil},
		{"its directory is renamed", func(dir string) error { return os.Rename(dir, dir+"2") }, statusDone, `^$`, []string{"sub2/copy"}},
		{"it is a directory", func(dir string) error { return os.Mkdir(filepath.Join(dir, "copy"), 0o700) },
			statusLocal, `^ftpc: get big: sub/copy: is a directory\n$`, []string{"sub/copy"}},
		{"it is made", func(dir string) error { return os.WriteFile(filepath.Join(dir, "copy"), []byte("x"), 0o600) },
			statusDone, `^$`, []string{"sub/copy"}},
		{"its part file is removed", func(dir string) error { return os.Remove(filepath.Join(dir, ".copy.ftpc-part")) },
			statusLocal, `^ftpc: get big: sub/copy: no such file or directory\n$`, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root, address := serveTemp(t)
			content := blocksOf(t, filepath.Join(root, "big"), 4<<20)
			relay, held, release := holdAfter(t, address, false, 1<<20)
			defer release()
			cmd := quietCommand(t, relay, "get", "big", "sub/copy")
			sub := filepath.Join(cmd.Dir, "sub")
			check(t, os.Mkdir(sub, 0o700))
			check(t, cmd.Start())
			watch(t, cmd)
			<-held
			waitForBlocks(t, filepath.Join(sub, ".copy.ftpc-journal"), 1)
			check(t, tt.change(sub))
			release()
			_ = cmd.Wait() // what it returns is checked as the status
			wantEnd(t, cmd.ProcessState.ExitCode(), tt.want, cmd.Stderr, tt.says)
			var left []string
			for _, pattern := range []string{"*/*", "*/.*"} {
				names, err := filepath.Glob(filepath.Join(cmd.Dir, pattern))
				check(t, err)
				for _, name := range names {
					relative, err := filepath.Rel(cmd.Dir, name)
					check(t, err)
					left = append(left, relative)
				}
			}
			if !slices.Equal(left, tt.left) {
				t.Errorf("%q are left, want %q", left, tt.left)
			}
			if tt.want == statusDone {
				wantFile(t, filepath.Join(cmd.Dir, tt.left[0]), content)
			}
		})
	}
}

// A tree of this machine that is removed in the middle is told, file by file, and nothing
// of it comes back.
func TestTreeVanishesMeanwhile(t *testing.T) {
	for _, args := range []string{"get -r tree", "mirror ftpd:///tree tree", "put -r tree", "mirror tree ftpd:///tree"} {
		t.Run(args, func(t *testing.T) {
			root, address := serveTemp(t)
			puts := strings.HasPrefix(args, "put") || strings.HasPrefix(args, "mirror tree")
			relay, held, release := holdAfter(t, address, puts, 4<<20)
			defer release()
			cmd := quietCommand(t, relay, strings.Fields(args)...)
			from := root
			if puts {
				from = cmd.Dir
			}
			for d := range 40 { // more files than are at work at once
				sub := filepath.Join(from, "tree", fmt.Sprint("d", d))
				check(t, os.MkdirAll(sub, 0o755))
				for i := range 20 {
					check(t, os.WriteFile(filepath.Join(sub, fmt.Sprint(i)), make([]byte, 100_000), 0o600))
				}
			}
			check(t, cmd.Start())
			watch(t, cmd)
			<-held
			waitUntil(t, "the removal", func() bool { // into which what has come by now is still written
				return os.RemoveAll(filepath.Join(cmd.Dir, "tree")) == nil
			})
			release()
			_ = cmd.Wait() // what it returns is checked as the status
			wantEnd(t, cmd.ProcessState.ExitCode(), statusSomeFailed, cmd.Stderr, `no such file or directory\n(.*\n)*ftpc: .* failed\n$`)
			wantLeft(t, cmd.Dir)
		})
	}
}

// A tree needs no more descriptors than there are, and one file with fewer than it
// takes says so.
func TestFewDescriptors(t *testing.T) {
	root, address := serveTemp(t)
	for i := range 120 {
		dir := filepath.Join(root, "tree", fmt.Sprint("d", i%30))
		check(t, os.MkdirAll(dir, 0o700))
		check(t, os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), make([]byte, i*10_000), 0o600))
	}
	for _, args := range []string{"get -r tree copy", "put -r tree copy", "mirror ftpd:///tree copy", "mirror tree ftpd:///copy"} {
		t.Run(args, func(t *testing.T) {
			cmd := limited(t, address, "-n 20", strings.Fields(args)...)
			target := filepath.Join(cmd.Dir, "copy")
			if strings.HasPrefix(args, "put") || strings.HasPrefix(args, "mirror tree") {
				check(t, os.CopyFS(filepath.Join(cmd.Dir, "tree"), os.DirFS(filepath.Join(root, "tree"))))
				target = filepath.Join(root, "copy")
			}
			if err := cmd.Run(); err != nil {
				t.Errorf("%v: %s", err, cmd.Stderr)
			}
			diff := exec.CommandContext(t.Context(), "diff", "-r", filepath.Join(root, "tree"), target)
			if out, err := diff.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
			check(t, os.RemoveAll(target))
		})
	}
	cmd := limited(t, address, "-n 8", "get", "tree/d29/119")
	_ = cmd.Run() // what it returns is checked as the status
	wantEnd(t, cmd.ProcessState.ExitCode(), statusLocal, cmd.Stderr, `too many open files\n$`)
	wantNothing(t, cmd.Dir)
}

// A full standard output is a local fault, for whatever is written to it.
func TestFullOutput(t *testing.T) {
	root, address := serveTemp(t)
	blocksOf(t, filepath.Join(root, "big"), 1<<20)
	check(t, os.WriteFile(filepath.Join(root, "small"), []byte("x"), 0o600))
	for _, args := range []string{
		"get small -", "get big -", "ls", "ls -lR", "ls --json", "stat small", "sum small", "get --json small",
		"get --json small nope -d .", "put --json small", "mirror -n ftpd:/// copy", "ping -c 1", "--help", "--version", "completion bash",
	} {
		t.Run(args, func(t *testing.T) {
			cmd := quietCommand(t, address, strings.Fields(args)...)
			check(t, os.WriteFile(filepath.Join(cmd.Dir, "small"), []byte("x"), 0o600))
			output, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
			check(t, err)
			defer output.Close()
			cmd.Stdout = output
			_ = cmd.Run() // what it returns is checked as the status
			want, says := statusLocal, `^ftpc: .*: no space left on device\n$`
			if strings.Contains(args, "nope") {
				want, says = statusSomeFailed, `nope: not found`
			}
			wantEnd(t, cmd.ProcessState.ExitCode(), want, cmd.Stderr, says)
		})
	}
	cmd := quietCommand(t, address, "get", "nope")
	errors, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	check(t, err)
	defer errors.Close()
	cmd.Stderr = errors
	_ = cmd.Run() // what it returns is checked as the status
	if got := cmd.ProcessState.ExitCode(); got != int(statusNotFound) {
		t.Errorf("with a full standard error: status %d", got)
	}
}

// Whoever reads standard output may go away: the command ends as others do, by SIGPIPE,
// and says nothing.
func TestOutputWithoutReader(t *testing.T) {
	root, address := serveTemp(t)
	blocksOf(t, filepath.Join(root, "big"), 4<<20)
	for _, args := range []string{"get big -", "ls", "stat big", "get --json big"} {
		t.Run(args, func(t *testing.T) {
			cmd := quietCommand(t, address, strings.Fields(args)...)
			reader, writer, err := os.Pipe()
			check(t, err)
			check(t, reader.Close())
			cmd.Stdout = writer
			check(t, cmd.Start())
			check(t, writer.Close())
			watch(t, cmd)
			_ = cmd.Wait() // what it returns is checked as the signal
			if state := cmd.ProcessState.Sys().(syscall.WaitStatus); !state.Signaled() || state.Signal() != syscall.SIGPIPE {
				t.Errorf("it ended with %v", cmd.ProcessState)
			}
			if said := cmd.Stderr.(*bytes.Buffer).String(); said != "" {
				t.Errorf("it says %q", said)
			}
		})
	}
}
