//go:build unix

package faulty_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"sync"
	"testing"

	"ftpd/server/storage"
	"ftpd/server/storage/faulty"
	"ftpd/server/storage/local"
	"ftpd/server/storage/storagetest"
)

var errDisk = errors.New("the disk is on fire")

// open wraps a new local store that holds the file f.
func open(t *testing.T, hooks faulty.Hooks) (*faulty.Storage, *local.Store) {
	t.Helper()
	inner, err := local.Open(t.TempDir(), local.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	storagetest.Put(t, inner, "f", "content")
	s := faulty.New(inner, hooks)
	t.Cleanup(func() { s.Close() })
	return s, inner
}

// every does each operation on what it can and returns its error.
func every(s storage.Storage) map[faulty.Op]func() error {
	opened := func(use func(storage.File) error) func() error {
		return func() error {
			f, err := s.Open("f")
			if err != nil {
				return err
			}
			err = use(f)
			if e := f.Close(); err == nil {
				err = e
			}
			return err
		}
	}
	listed := func() error {
		l, err := s.List(storage.Root, false)
		if err != nil {
			return err
		}
		_, err = l.Next()
		if e := l.Close(); err == nil {
			err = e
		}
		return err
	}
	staged := func(end func(storage.Staging) error) func() error {
		return func() error {
			st, err := s.Create("g", storage.CreateOptions{})
			if err != nil {
				return err
			}
			if _, err = st.WriteAt([]byte("x"), 0); err != nil {
				st.Abort()
				return err
			}
			if err = st.Mark(0, storage.Digest{1}); err != nil {
				st.Abort()
				return err
			}
			return end(st)
		}
	}
	commit := staged(func(st storage.Staging) error { _, err := st.Commit(storage.Attributes{}); return err })
	return map[faulty.Op]func() error{
		faulty.Stat:           func() error { _, err := s.Stat("f", true); return err },
		faulty.Open:           opened(func(storage.File) error { return nil }),
		faulty.FileReadAt:     opened(func(f storage.File) error { _, err := f.ReadAt(make([]byte, 7), 0); return err }),
		faulty.FileStat:       opened(func(f storage.File) error { _, err := f.Stat(); return err }),
		faulty.FileClose:      opened(func(storage.File) error { return nil }),
		faulty.List:           listed,
		faulty.ListNext:       listed,
		faulty.ListClose:      listed,
		faulty.Create:         commit,
		faulty.StagingWriteAt: commit,
		faulty.StagingCommit:  commit,
		faulty.StagingAbort:   staged(storage.Staging.Abort),
		faulty.StagingMark:    commit,
		faulty.StagingLeave:   staged(storage.Staging.Leave),
		faulty.Mkdir:          func() error { return s.Mkdir("d", 0, true) },
		faulty.Rename:         func() error { return s.Rename("f", "f", storage.RenameOptions{}) },
		faulty.Remove:         func() error { _, err := s.Remove(context.Background(), "missing", false); return err },
		faulty.Close:          s.Close,
	}
}

func TestEveryOperationCanFail(t *testing.T) {
	for op := faulty.Stat; op <= faulty.StagingLeave; op++ {
		for when, hooks := range map[string]faulty.Hooks{
			"before": {Before: faulty.Fail(errDisk, op)},
			"after":  {After: faulty.Fail(errDisk, op)},
		} {
			if op == faulty.Remove && when == "after" {
				continue // every removes nothing, so there is no success to spoil
			}
			s, inner := open(t, hooks)
			do := every(s)[op]
			if err := do(); !errors.Is(err, errDisk) {
				t.Errorf("%v, %s: %v", op, when, err)
			}
			if op == faulty.StagingCommit {
				_, err := inner.Stat("g", false)
				if done := err == nil; done != (when == "after") {
					t.Errorf("%s the commit: %v", when, err)
				}
			}
			if err := inner.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestFailedCommitAborts(t *testing.T) {
	s, inner := open(t, faulty.Hooks{Before: faulty.Fail(errDisk, faulty.StagingCommit)})
	st := storagetest.Stage(t, s, "g", "x", storage.CreateOptions{})
	if _, err := st.Commit(storage.Attributes{}); !errors.Is(err, errDisk) {
		t.Errorf("Commit: %v", err)
	}
	if _, err := st.WriteAt([]byte("y"), 0); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("WriteAt after a failed Commit: %v", err)
	}
	if got := storagetest.Names(t, inner, storage.Root, true); len(got) != 1 {
		t.Errorf("the tree holds %q", got)
	}
}

func TestNoHooksChangeNothing(t *testing.T) {
	storagetest.Run(t, func(t *testing.T) storage.Storage {
		inner, err := local.Open(t.TempDir(), local.Options{NoSync: true})
		if err != nil {
			t.Fatal(err)
		}
		return faulty.New(inner, faulty.Hooks{})
	})
}

func TestLimitCutsShort(t *testing.T) {
	limit := func(_ faulty.Op, _ storage.Path, length int) (int, error) {
		if length > 3 {
			return 3, storage.ErrNoSpace
		}
		return length, nil
	}
	s, inner := open(t, faulty.Hooks{Limit: limit})
	f, err := s.Open("f")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p := make([]byte, 7)
	if n, err := f.ReadAt(p, 0); string(p[:n]) != "con" || !errors.Is(err, storage.ErrNoSpace) {
		t.Errorf("ReadAt = %q, %v", p[:n], err)
	}
	if n, err := f.ReadAt(p[:2], 6); string(p[:n]) != "t" || err != io.EOF {
		t.Errorf("ReadAt = %q, %v", p[:n], err)
	}
	st, err := s.Create("g", storage.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := st.WriteAt([]byte("content"), 0); n != 3 || !errors.Is(err, storage.ErrNoSpace) {
		t.Errorf("WriteAt = %d, %v", n, err)
	}
	if _, err := st.Commit(storage.Attributes{}); err != nil {
		t.Fatal(err)
	}
	if got := storagetest.Get(t, inner, "g"); got != "con" {
		t.Errorf("the file holds %q", got)
	}
}

func TestNthAndChain(t *testing.T) {
	seen := 0
	count := func(faulty.Op, storage.Path) error { seen++; return nil }
	s, _ := open(t, faulty.Hooks{
		Before: faulty.On(faulty.Chain(count, faulty.Nth(2, faulty.Fail(errDisk))), faulty.Stat),
	})
	for i, want := range []error{nil, errDisk, nil} {
		if _, err := s.Stat("f", true); err != want {
			t.Errorf("call %d: %v", i+1, err)
		}
		if f, err := s.Open("f"); err != nil {
			t.Error(err)
		} else {
			f.Close()
		}
	}
	if seen != 3 {
		t.Errorf("the hook saw %d calls", seen)
	}
}

func TestGate(t *testing.T) {
	gate := faulty.NewGate()
	s, _ := open(t, faulty.Hooks{Before: faulty.On(gate.Hook, faulty.Open)})
	var wg sync.WaitGroup
	done := make(chan error, 2)
	for range 2 {
		wg.Go(func() {
			_, err := storagetest.Read(s, "missing")
			done <- err
		})
	}
	first, second := <-gate.Held(), <-gate.Held()
	if first.Op != faulty.Open || first.Path != "missing" || second == first {
		t.Errorf("held: %+v, %+v", first, second)
	}
	// Others go on meanwhile, and nothing held has ended.
	if _, err := s.Stat("f", true); err != nil {
		t.Error(err)
	}
	select {
	case err := <-done:
		t.Errorf("a held operation ended: %v", err)
	default:
	}
	first.Release()
	first.Release()
	if err := <-done; !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	gate.Open()
	gate.Open()
	wg.Wait()
	if _, err := storagetest.Read(s, "f"); err != nil {
		t.Error(err)
	}
}

func TestOpNames(t *testing.T) {
	seen := map[string]bool{}
	for op := faulty.Stat; op <= faulty.StagingLeave; op++ {
		if name := op.String(); name == "" || name == "unknown operation" || seen[name] {
			t.Errorf("operation %d is called %q", op, name)
		} else {
			seen[name] = true
		}
	}
	if (faulty.StagingLeave+1).String() != "unknown operation" || faulty.Op(0).String() != "unknown operation" || faulty.StagingAbort.String() != "Staging.Abort" {
		t.Error("the names are out of step with the operations")
	}
}
