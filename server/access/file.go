//go:build unix

package access

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"ftpd/internal/ownfile"
)

// A users file that others may have written lets in whom they want.
var (
	// ErrExposed is one that others can read or write.
	ErrExposed = errors.New("the users file is open to others than its owner")
	// ErrForeign is one whose owner is neither root nor who the server runs or goes on as.
	ErrForeign = errors.New("the users file belongs to another user than root and the server's")
)

// maxFile bounds the users file, in bytes: some 100,000 users.
const maxFile = 64 << 20

// ReadUsers returns the users of a file, whoever owns it: root keeps those of a server that
// runs as another user. Its errors name the file.
func ReadUsers(name string) ([]User, error) {
	return openUsers(name, func(fs.FileInfo) error { return nil })
}

// readTrusted is ReadUsers for a server, which believes root, its own user and owner.
func readTrusted(name string, owner int) ([]User, error) {
	return openUsers(name, func(info fs.FileInfo) error {
		if ownfile.CheckOwner(info, owner) != nil {
			return fmt.Errorf("%s: %w: chown it", name, ErrForeign)
		}
		return nil
	})
}

// openUsers reads the file that check has looked at, whatever its name comes to lead to.
func openUsers(name string, check func(fs.FileInfo) error) ([]User, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	if err == nil {
		err = check(info)
	}
	if err != nil {
		return nil, err
	}
	return readUsers(f)
}

func readUsers(f *os.File) ([]User, error) {
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s: not a regular file", f.Name())
	case info.Mode().Perm()&0o077 != 0:
		return nil, fmt.Errorf("%s: %w (mode %04o): chmod 600 it", f.Name(), ErrExposed, info.Mode().Perm())
	case info.Size() > maxFile:
		return nil, fmt.Errorf("%s: %d bytes are more than a users file has", f.Name(), info.Size())
	}
	text, err := io.ReadAll(f)
	if err != nil {
		return nil, err
	}
	users, err := parseUsers(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name(), err)
	}
	return users, nil
}

// ChangeUsers has change make new users of those of a file, which it makes where it is
// missing, and writes them in one step: who reads the file finds the old ones or the
// new ones. Who changes it at the same time waits.
func ChangeUsers(name string, change func([]User) ([]User, error)) error {
	f, err := lockFile(name)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // and so unlocked
	users, err := readUsers(f)
	if err != nil {
		return err
	}
	if users, err = change(users); err != nil {
		return err
	}
	text, err := formatUsers(users)
	if err != nil {
		return err
	}
	return replaceFile(name, text)
}

// lockFile opens a file and locks it, and again where another process has replaced it
// before the lock was taken. The lock ends with the process, if need be (flock(2)).
func lockFile(name string) (*os.File, error) {
	for {
		f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, err
		}
		err = flock(f)
		if err == nil && isStill(name, f) {
			return f, nil
		}
		_ = f.Close() // it was only read
		if err != nil {
			return nil, fmt.Errorf("%s: lock: %w", name, err)
		}
	}
}

func flock(f *os.File) error {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

func isStill(name string, f *os.File) bool {
	here, err := os.Stat(name)
	if err != nil {
		return false
	}
	open, err := f.Stat()
	return err == nil && os.SameFile(here, open)
}

// replaceFile writes a file beside the one it is to replace, with the same owner, and
// renames it once it is on the disk.
func replaceFile(name string, text []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".new-*") // its mode is 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name()) // the first error is the one to tell
		}
	}()
	keepOwner(name, f)
	_, err = f.Write(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), name); err != nil {
		return err
	}
	directory, err := os.Open(filepath.Dir(name))
	if err != nil {
		return err
	}
	return errors.Join(directory.Sync(), directory.Close())
}

// keepOwner lets the server go on reading a file that root changes for it. Who may not
// give files away owns the old one too, or could not have opened it.
func keepOwner(name string, f *os.File) {
	info, err := os.Stat(name)
	if err != nil {
		return
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		_ = f.Chown(int(stat.Uid), int(stat.Gid))
	}
}

// Missing reports whether an error is that there is no such users file.
func Missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
