package session_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ftpd/protocol"
	"ftpd/server/storage"
	"ftpd/server/storage/faulty"
	"ftpd/server/storage/local"
)

// served is a file whose GET is disturbed.
type served struct {
	t          *testing.T
	path       string
	old, other string // contents of the same size
}

// changes are what can become of a file. Those that leave its content as it was,
// under no name or another, may be told or not; the others never go unnoticed once
// some of the file was read.
var changes = map[string]func(f *served) error{
	"replaced": func(f *served) error {
		return errors.Join(os.WriteFile(f.path+".new", []byte(f.other), 0o600), os.Rename(f.path+".new", f.path))
	},
	"removed":    func(f *served) error { return os.Remove(f.path) },
	"moved away": func(f *served) error { return os.Rename(f.path, f.path+".old") },
	"a directory": func(f *served) error {
		return errors.Join(os.Remove(f.path), os.Mkdir(f.path, 0o700))
	},
	"a link": func(f *served) error {
		return errors.Join(os.WriteFile(f.path+".new", []byte(f.other), 0o600), os.Remove(f.path), os.Symlink(filepath.Base(f.path)+".new", f.path))
	},
	"a pipe":                       func(f *served) error { return errors.Join(os.Remove(f.path), unix.Mkfifo(f.path, 0o600)) },
	"grown":                        func(f *served) error { return f.rewrite(f.old + f.other) },
	"cut":                          func(f *served) error { return os.Truncate(f.path, int64(len(f.old)/2)) },
	"emptied":                      func(f *served) error { return os.Truncate(f.path, 0) },
	"rewritten":                    func(f *served) error { return f.rewrite(f.other) },
	"rewritten, with the old time": func(f *served) error { return f.keepingTime(func() error { return f.rewrite(f.other) }) },
	"rewritten and removed":        func(f *served) error { return errors.Join(f.rewrite(f.other), os.Remove(f.path)) },
	"grown and cut again": func(f *served) error {
		return f.keepingTime(func() error { return errors.Join(f.rewrite(f.other+f.old), os.Truncate(f.path, int64(len(f.old)))) })
	},
}

// rewrite writes into the file that is there.
func (f *served) rewrite(content string) error {
	w, err := os.OpenFile(f.path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = w.WriteString(content)
	return errors.Join(err, w.Close())
}

func (f *served) keepingTime(change func() error) error {
	info, err := os.Stat(f.path)
	if err != nil {
		return err
	}
	return errors.Join(change(), os.Chtimes(f.path, time.Time{}, info.ModTime()))
}

// ripen makes the file older than a tick of the clock that stamps it, so that any
// change shows in its times.
func (f *served) ripen() {
	f.t.Helper()
	then := time.Now().Add(-time.Hour)
	if err := os.Chtimes(f.path, then, then); err != nil {
		f.t.Fatal(err)
	}
	mark := filepath.Join(f.t.TempDir(), "mark")
	stamp := func() time.Time {
		if err := os.WriteFile(mark, []byte("x"), 0o600); err != nil {
			f.t.Fatal(err)
		}
		info, err := os.Stat(mark)
		if err != nil {
			f.t.Fatal(err)
		}
		return info.ModTime()
	}
	for first := stamp(); !stamp().After(first); {
	}
}

// TestChangedAtAnyMoment changes a file at each look that the server takes at it. What
// comes is the version that was opened, or the change is told: never a mixture.
func TestChangedAtAnyMoment(t *testing.T) {
	for _, size := range []int{1000, 2*protocol.BlockSize + 1} {
		old, other := text(size), text(size + 1)[1:]
		for name, change := range changes {
			t.Run(fmt.Sprint(size, " ", name), func(t *testing.T) {
				for from := 0; from < size; from += protocol.BlockSize {
					look := 1
					for getDisturbed(t, served{t: t, old: old, other: other}, from, look, change) {
						look++
					}
					if look < 3 { // when it is read and when it was read
						t.Errorf("from %d: it is looked at %d times", from, look-1)
					}
				}
			})
		}
	}
}

// getDisturbed gets a file, from an offset on, and changes it before a look at it. It
// returns false where there are not so many.
func getDisturbed(t *testing.T, file served, from, look int, change func(f *served) error) (happened bool) {
	t.Helper()
	root := t.TempDir()
	f := &file
	f.path = filepath.Join(root, "f")
	store, err := local.Open(root, local.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	disturbed := faulty.New(store, faulty.Hooks{Before: faulty.On(faulty.Nth(look, func(faulty.Op, storage.Path) error {
		happened = true
		return change(f)
	}), faulty.FileStat, faulty.FileReadAt)})
	h := newHarnessOn(t, root, disturbed)
	h.greet()
	h.write("f", f.old)
	f.ripen()
	m := protocol.Get{Offset: uint64(from), Length: protocol.SizeUnknown, Path: "f"}
	if from > 0 { // as one that is gone on with
		info, err := store.Stat("f", true)
		if err != nil {
			t.Fatal(err)
		}
		m.Flags, m.ETag = protocol.GetIfMatch, protocol.ETag(info.ETag)
	}
	list := request(h, 1, m)
	last := list[len(list)-1]
	if last.Opcode == protocol.OpError {
		if m := decode[protocol.Error](t, last); m.Code != protocol.Changed {
			t.Errorf("from %d, look %d: ended with %s: %s", from, look, m.Code, m.Message)
		}
		return happened
	}
	if _, got := received(t, list); got != f.old[from:] {
		t.Errorf("from %d, look %d: what came is no version: %d bytes", from, look, len(got))
	}
	return happened
}
