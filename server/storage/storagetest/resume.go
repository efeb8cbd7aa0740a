package storagetest

import (
	"io/fs"
	"slices"
	"strings"
	"testing"

	"ftpd/server/storage"
)

var resumeTests = map[string]func(*testing.T, storage.Storage){
	"resume":                       resume,
	"resume twice":                 resumeTwice,
	"resume another version":       resumeAnotherVersion,
	"resume another file":          resumeAnotherFile,
	"resume nothing":               resumeNothing,
	"resume while it goes on":      resumeWhileItGoesOn,
	"resume where it cannot be":    resumeWhereItCannotBe,
	"resume more than was written": resumeMoreThanWasWritten,
}

// block is that of these tests, and resumeSize the size of their file.
const (
	block      = 4
	resumeSize = 4*block + 1
)

var version = storage.Resume{Source: 7, Version: 1, Block: block}

func resumeOptions(r storage.Resume) storage.CreateOptions {
	return storage.CreateOptions{Size: resumeSize, Resume: r}
}

// stage writes and marks blocks of a file, each made of its number.
func stage(t *testing.T, s storage.Storage, path storage.Path, o storage.CreateOptions, blocks ...int64) storage.Staging {
	t.Helper()
	st, err := s.Create(path, o)
	must(t, err)
	writeBlocks(t, st, blocks...)
	return st
}

func writeBlocks(t *testing.T, st storage.Staging, blocks ...int64) {
	t.Helper()
	for _, n := range blocks {
		_, err := st.WriteAt([]byte(strings.Repeat(string(rune('a'+n)), block)), n*block)
		must(t, err)
		must(t, st.Mark(n, digestOf(n)))
	}
}

func digestOf(n int64) storage.Digest { return storage.Digest{byte(n), 15: 1} }

// wantMarked fails the test unless just the first blocks are there.
func wantMarked(t *testing.T, st storage.Staging, blocks int, dropped bool) {
	t.Helper()
	var want []storage.Digest
	for n := range blocks {
		want = append(want, digestOf(int64(n)))
	}
	if got, gone := st.Marked(); !slices.Equal(got, want) || gone != dropped {
		t.Errorf("marked are %x, and dropped %v; want %d blocks, %v", got, gone, blocks, dropped)
	}
}

func commit(t *testing.T, s storage.Storage, st storage.Staging, path storage.Path, want string) {
	t.Helper()
	info, err := st.Commit(storage.Attributes{})
	must(t, err)
	if got := Get(t, s, path); got != want || info.Size != int64(len(want)) {
		t.Errorf("%s holds %q, and its size is %d", path, got, info.Size)
	}
}

func resume(t *testing.T, s storage.Storage) {
	st := stage(t, s, "f", resumeOptions(version), 0, 1, 3)
	wantMarked(t, st, 0, false)
	must(t, st.Leave())
	must(t, st.Leave())
	_, err := st.WriteAt([]byte("x"), 0)
	wantError(t, "WriteAt after Leave", err, fs.ErrClosed)
	wantError(t, "Mark after Leave", st.Mark(2, digestOf(2)), fs.ErrClosed)
	_, err = st.Commit(storage.Attributes{})
	wantError(t, "Commit after Leave", err, fs.ErrClosed)
	wantNames(t, s)

	st = stage(t, s, "f", resumeOptions(version))
	wantMarked(t, st, 2, false)
	writeBlocks(t, st, 2, 3)
	_, err = st.WriteAt([]byte("!"), 4*block)
	must(t, err)
	commit(t, s, st, "f", "aaaabbbbccccdddd!")
	wantNames(t, s, "f")

	st = stage(t, s, "f", resumeOptions(version))
	wantMarked(t, st, 0, false)
	must(t, st.Leave())
}

func resumeTwice(t *testing.T, s storage.Storage) {
	for n := range 4 {
		st := stage(t, s, "f", resumeOptions(version))
		wantMarked(t, st, n, false)
		writeBlocks(t, st, int64(n))
		must(t, st.Leave())
	}
	st := stage(t, s, "f", resumeOptions(version))
	wantMarked(t, st, 4, false)
	must(t, st.Abort())
	st = stage(t, s, "f", resumeOptions(version))
	wantMarked(t, st, 0, false)
	must(t, st.Abort())
}

func resumeAnotherVersion(t *testing.T, s storage.Storage) {
	for what, change := range map[string]func(o *storage.CreateOptions){
		"version": func(o *storage.CreateOptions) { o.Resume.Version++ },
		"size":    func(o *storage.CreateOptions) { o.Size++ },
		"block":   func(o *storage.CreateOptions) { o.Resume.Block-- },
	} {
		must(t, stage(t, s, "f", resumeOptions(version), 0, 1).Leave())
		o := resumeOptions(version)
		change(&o)
		st := stage(t, s, "f", o)
		t.Log(what)
		wantMarked(t, st, 0, true)
		must(t, st.Mark(0, digestOf(0)))
		must(t, st.Leave())
		// What was there before is gone for good.
		st = stage(t, s, "f", resumeOptions(version))
		wantMarked(t, st, 0, true)
		commit(t, s, st, "f", "")
	}
}

func resumeAnotherFile(t *testing.T, s storage.Storage) {
	must(t, stage(t, s, "f", resumeOptions(version), 0).Leave())
	another := version
	another.Source++
	for path, r := range map[storage.Path]storage.Resume{"f": another, "g": version} {
		st := stage(t, s, path, resumeOptions(r))
		wantMarked(t, st, 0, false)
		must(t, st.Abort())
	}
	st := stage(t, s, "f", resumeOptions(version))
	wantMarked(t, st, 1, false)
	must(t, st.Abort())
}

// resumeNothing has files that are not to be kept, or not worth it.
func resumeNothing(t *testing.T, s storage.Storage) {
	small, unknown, nobody := resumeOptions(version), resumeOptions(version), resumeOptions(storage.Resume{Block: block})
	small.Size, unknown.Size = block, -1
	for _, o := range []storage.CreateOptions{small, unknown, nobody, {}} {
		must(t, stage(t, s, "f", o, 0).Leave())
		st := stage(t, s, "f", o)
		wantMarked(t, st, 0, false)
		must(t, st.Leave())
	}
}

// resumeWhileItGoesOn has two uploads of one source: the second one begins
// anew, takes nothing from the first, and leaves nothing.
func resumeWhileItGoesOn(t *testing.T, s storage.Storage) {
	first := stage(t, s, "f", resumeOptions(version), 0)
	second := stage(t, s, "f", resumeOptions(version), 2)
	wantMarked(t, second, 0, false)
	must(t, first.Leave())
	must(t, second.Leave())
	third := stage(t, s, "f", resumeOptions(version))
	wantMarked(t, third, 1, false)
	must(t, third.Abort())
}

// resumeWhereItCannotBe fails as every Create does, and keeps what is there.
func resumeWhereItCannotBe(t *testing.T, s storage.Storage) {
	must(t, s.Mkdir("d", 0, false))
	must(t, stage(t, s, "d/f", resumeOptions(version), 0).Leave())
	must(t, s.Mkdir("d/f", 0, false))
	_, err := s.Create("d/f", resumeOptions(version))
	wantError(t, "a directory", err, storage.ErrIsDirectory)
	_, err = s.Remove(t.Context(), "d", true)
	must(t, err)
	_, err = s.Create("d/f", resumeOptions(version))
	wantError(t, "no directory", err, fs.ErrNotExist)
	must(t, s.Mkdir("d", 0, false))
	st := stage(t, s, "d/f", resumeOptions(version))
	wantMarked(t, st, 1, false)
	must(t, st.Abort())
}

// resumeMoreThanWasWritten has a block marked that is not there.
func resumeMoreThanWasWritten(t *testing.T, s storage.Storage) {
	st := stage(t, s, "f", resumeOptions(version), 0)
	must(t, st.Mark(1, digestOf(1)))
	must(t, st.Leave())
	st = stage(t, s, "f", resumeOptions(version))
	wantMarked(t, st, 1, false)
	// Nor is it there when the one behind it is.
	writeBlocks(t, st, 2)
	must(t, st.Leave())
	st = stage(t, s, "f", resumeOptions(version))
	wantMarked(t, st, 1, false)
	must(t, st.Abort())
}
