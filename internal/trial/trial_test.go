//go:build unix

package trial

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// twins makes two equal trees.
func twins(t *testing.T) (source, replica string) {
	t.Helper()
	source, replica = filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")
	for _, root := range []string{source, replica} {
		if err := os.MkdirAll(filepath.Join(root, "dir", "empty"), 0o777); err != nil {
			t.Fatal(err)
		}
		for i, name := range []string{"large", "dir/small", "dir/none"} {
			path := filepath.Join(root, name)
			if err := WriteFile(path, []int64{3 << 20, 5, 0}[i], 7); err != nil {
				t.Fatal(err)
			}
			if err := os.Chtimes(path, time.Time{}, time.Unix(1e9, 0)); err != nil {
				t.Fatal(err)
			}
		}
	}
	return source, replica
}

func TestCompareEqual(t *testing.T) {
	source, replica := twins(t)
	got, err := Compare(source, replica, Mode|Mtime)
	want := Total{Files: 3, Directories: 3, Bytes: 3<<20 + 5}
	if err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	got, err = Compare(filepath.Join(source, "large"), filepath.Join(replica, "large"), Content)
	if want := (Total{Files: 1, Bytes: 3 << 20}); err != nil || got != want {
		t.Errorf("one file: got %+v, %v, want %+v", got, err, want)
	}
}

func TestCompareFindsEachDifference(t *testing.T) {
	tests := []struct {
		name, want string
		same       Same
		change     func(replica string) error
	}{
		{"a byte", `"large": the bytes differ after offset 2097152`, Content, func(replica string) error {
			f, err := os.OpenFile(filepath.Join(replica, "large"), os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			_, err = f.WriteAt([]byte("!?"), 3<<20-2)
			return errors.Join(err, f.Close())
		}},
		{"the size", "bytes, the copy 4", Content, func(replica string) error {
			return os.Truncate(filepath.Join(replica, "dir/small"), 4)
		}},
		{"the mode", "has mode", Mode, func(replica string) error {
			return os.Chmod(filepath.Join(replica, "large"), 0o400)
		}},
		{"the mode of a directory", `"dir": the source has mode`, Mode, func(replica string) error {
			return os.Chmod(filepath.Join(replica, "dir"), 0o700)
		}},
		{"the time", "changed at", Mtime, func(replica string) error {
			return os.Chtimes(filepath.Join(replica, "large"), time.Time{}, time.Unix(1e9, 1000))
		}},
		{"the kind", `"dir/empty": the source is d`, Content, func(replica string) error {
			path := filepath.Join(replica, "dir/empty")
			return errors.Join(os.Remove(path), os.WriteFile(path, nil, 0o666))
		}},
		{"one less", "no such file", Content, func(replica string) error {
			return os.Remove(filepath.Join(replica, "dir/none"))
		}},
		{"one more", "1 files or directories that the source has not", Content, func(replica string) error {
			return os.WriteFile(filepath.Join(replica, "dir/more"), nil, 0o666)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			source, replica := twins(t)
			if err := tt.change(replica); err != nil {
				t.Fatal(err)
			}
			_, err := Compare(source, replica, tt.same)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}
}

func TestRunTellsWhatWasPrinted(t *testing.T) {
	_, err := Run(Command(t.Context(), "sh", "-c", "echo this is why >&2; exit 3"))
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || exit.ExitCode() != 3 || !strings.Contains(err.Error(), "this is why") {
		t.Errorf("error %v", err)
	}
}

func TestCancelInterrupts(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cmd := Command(ctx, "sh", "-c", "trap 'exit 9' INT; echo ready; while :; do :; done")
	cmd.Stdout = writerFunc(func(p []byte) (int, error) {
		cancel()
		return len(p), nil
	})
	usage, err := Run(cmd)
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 9 {
		t.Errorf("error %v, want status 9", err)
	}
	if usage.Wall <= 0 {
		t.Errorf("usage %+v", usage)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestSettingsOfTheUserStayOut(t *testing.T) {
	t.Setenv("FTPC_SERVER", "elsewhere:1")
	t.Setenv("FTPD_ROOT", "/")
	if _, err := Run(Command(t.Context(), "sh", "-c", `test -z "$FTPC_SERVER$FTPD_ROOT" && test -n "$PATH"`)); err != nil {
		t.Error(err)
	}
}

// fakeServer is a directory with a program named ftpd.
func fakeServer(t *testing.T, script string) string {
	t.Helper()
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "ftpd"), []byte("#!/bin/sh\n"+script), 0o777); err != nil {
		t.Fatal(err)
	}
	return bin
}

func TestServerIsStoppedByItsSignal(t *testing.T) {
	bin := fakeServer(t, `trap 'exit 0' TERM; echo "ftpd: serving $2 on 127.0.0.1:4711"; while :; do :; done`)
	s, err := StartServer(bin, "/a directory on 1:2")
	if err != nil {
		t.Fatal(err)
	}
	if s.Address != "127.0.0.1:4711" {
		t.Errorf("address %q", s.Address)
	}
	if _, err := s.Stop(); err != nil {
		t.Error(err)
	}
}

func TestServerThatDoesNotStart(t *testing.T) {
	_, err := StartServer(fakeServer(t, "echo no such root >&2; exit 1"), "x")
	if err == nil || !strings.Contains(err.Error(), "no such root") {
		t.Errorf("error %v", err)
	}
	if _, err := StartServer(t.TempDir(), "x"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}

func TestServerThatEndsByItself(t *testing.T) {
	s, err := StartServer(fakeServer(t, "echo on 127.0.0.1:1; exit 4"), "x")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Stop(); err == nil {
		t.Error("its end went unnoticed")
	}
}
