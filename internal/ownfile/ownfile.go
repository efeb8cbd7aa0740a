// Package ownfile keeps small files of settings that only their owner may change: they
// are read whole and replaced whole, by one program at a time.
package ownfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// Whoever may write to a file could name a server of theirs in it.
var (
	// ErrOpen is that others than the owner may.
	ErrOpen = errors.New("others than its owner may write to it")
	// ErrForeign is that the owner is neither this user nor root.
	ErrForeign = errors.New("it belongs to another user")
)

// Path returns where a program keeps a file of that name: in a directory of its own below
// the user's directory of settings ($XDG_CONFIG_HOME or ~/.config on Linux).
func Path(program, name string) (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, program, name), nil
}

// Read returns what is in a file; nothing where there is none. The error is an
// *fs.PathError, which may match ErrOpen or ErrForeign.
func Read(name string) ([]byte, error) {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	if err := check(f); err != nil {
		return nil, &fs.PathError{Op: "read", Path: name, Err: err}
	}
	return io.ReadAll(f)
}

func check(f *os.File) error {
	info, err := f.Stat()
	switch {
	case err != nil:
		return err
	case info.Mode()&0o022 != 0 && runtime.GOOS != "windows": // which shows no such bits
		return ErrOpen
	}
	return CheckOwner(info)
}

const (
	// lockWait is how long another program may take to replace a file.
	lockWait = 3 * time.Second
	lockLook = 10 * time.Millisecond
)

// Update replaces a file with what change makes of its content, which is that of no other
// program meanwhile. Where change fails, that is the error and the file stays as it is. The
// new one is there whole or not at all, also after a crash, and only its owner may read it. A
// missing directory is made.
func Update(ctx context.Context, name string, change func(old []byte) ([]byte, error)) (err error) {
	if target, err := filepath.EvalSymlinks(name); err == nil {
		name = target // the link stays one
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	f, err := lock(ctx, name+".lock")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_, _ = f.Close(), os.Remove(f.Name()) // the first error is the one to tell
		}
	}()
	old, err := Read(name)
	if err != nil {
		return err
	}
	content, err := change(old)
	if err != nil {
		return err
	}
	if _, err := f.Write(content); err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

// lock makes the file that is to replace another, which exists while somebody is about to.
func lock(ctx context.Context, name string) (*os.File, error) {
	ctx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	tick := time.NewTicker(lockLook)
	defer tick.Stop()
	for {
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if !errors.Is(err, fs.ErrExist) {
			return f, err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.Canceled) {
				return nil, ctx.Err()
			}
			return nil, &fs.PathError{Op: "lock", Path: name, Err: fmt.Errorf("another program holds it; remove it where none runs: %w", fs.ErrExist)}
		}
	}
}
