package ownfile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
)

func TestUpdate(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "made", "file")
	if text, err := Read(name); text != nil || err != nil {
		t.Fatalf("%q, %v", text, err)
	}
	var writers sync.WaitGroup
	for i := range 20 {
		writers.Go(func() {
			err := Update(t.Context(), name, func(old []byte) ([]byte, error) { return fmt.Appendf(old, "%d\n", i), nil })
			if err != nil {
				t.Error(err)
			}
		})
	}
	writers.Wait()
	text, err := Read(name)
	if lines := strings.Count(string(text), "\n"); lines != 20 || err != nil {
		t.Errorf("%d of 20 lines, %v", lines, err)
	}
	if info, err := os.Stat(name); err != nil || runtime.GOOS != "windows" && info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if left, err := os.ReadDir(filepath.Dir(name)); len(left) != 1 || err != nil {
		t.Errorf("%v, %v", left, err)
	}
}

// What fails leaves the file as it was, and nothing beside it.
func TestUpdateFails(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	write(t, name, "old", 0o600)
	refused := errors.New("refused")
	if err := Update(t.Context(), name, func([]byte) ([]byte, error) { return nil, refused }); !errors.Is(err, refused) {
		t.Errorf("%v", err)
	}
	if text, err := Read(name); string(text) != "old" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := os.Stat(name + ".lock"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the lock is left: %v", err)
	}
}

// A lock that somebody holds is waited for, but not for ever, nor after an interruption.
func TestUpdateLocked(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	write(t, name+".lock", "", 0o600)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	unchanged := func([]byte) ([]byte, error) {
		t.Error("somebody else holds the lock")
		return nil, nil
	}
	if err := Update(ctx, name, unchanged); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	synctest.Test(t, func(t *testing.T) { // where time passes at once
		if err := Update(t.Context(), name, unchanged); !errors.Is(err, fs.ErrExist) || !strings.Contains(err.Error(), name+".lock") {
			t.Errorf("%v", err)
		}
	})
}

// A link to the file stays one.
func TestUpdateOfALink(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	write(t, file, "old", 0o600)
	if err := os.Symlink(file, link); err != nil {
		t.Skipf("no symbolic links: %v", err)
	}
	if err := Update(t.Context(), link, func([]byte) ([]byte, error) { return []byte("new"), nil }); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(file); string(text) != "new" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode().Type() != fs.ModeSymlink {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

func TestReadRefusesWhatOthersMayWrite(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows shows no such permission bits")
	}
	for _, mode := range []fs.FileMode{0o620, 0o602} {
		name := filepath.Join(t.TempDir(), "file")
		write(t, name, "text", mode)
		if _, err := Read(name); !errors.Is(err, ErrOpen) {
			t.Errorf("%o: %v", mode, err)
		}
	}
}

func write(t *testing.T, name, text string, mode fs.FileMode) {
	t.Helper()
	if err := errors.Join(os.WriteFile(name, []byte(text), mode), os.Chmod(name, mode)); err != nil {
		t.Fatal(err)
	}
}
