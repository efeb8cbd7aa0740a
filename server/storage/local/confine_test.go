//go:build unix

package local

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"ftpd/server/storage"
	"ftpd/server/storage/storagetest"

	"github.com/google/go-cmp/cmp"
)

// world is a served directory, beside one that nobody may reach through it.
type world struct {
	dir, root, outside string
	before             map[string]string
}

const secret = "the content outside"

func newWorld(t *testing.T) *world {
	dir := t.TempDir()
	w := &world{dir: dir, root: dir + "/root", outside: dir + "/outside"}
	write(t, w.root+"/inside/f", "inside")
	write(t, w.outside+"/f", secret)
	write(t, w.outside+"/d/f", secret)
	check(t, os.Mkdir(w.outside+"/empty", 0o755))
	w.before = snapshot(t, w.outside)
	return w
}

// snapshot describes every file below dir: its content, mode and mtime.
func snapshot(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	check(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		check(t, err)
		info, err := d.Info()
		check(t, err)
		var content []byte
		if d.Type().IsRegular() {
			content, err = os.ReadFile(path)
			check(t, err)
		}
		found[path] = fmt.Sprintf("%v %v %q", info.Mode(), info.ModTime(), content)
		return nil
	}))
	return found
}

func (w *world) wantUntouched(t *testing.T) {
	t.Helper()
	if diff := cmp.Diff(w.before, snapshot(t, w.outside)); diff != "" {
		t.Errorf("outside the root (- before, + after):\n%s", diff)
	}
}

// operations are all that a client can do to a path.
var operations = map[string]func(s *Store, path storage.Path) error{
	"stat": func(s *Store, path storage.Path) error {
		info, err := s.Stat(path, true)
		if err == nil && info.Size == int64(len(secret)) {
			return errLeaked
		}
		return err
	},
	"open": func(s *Store, path storage.Path) error {
		content, err := storagetest.Read(s, path)
		if content == secret {
			return errLeaked
		}
		return err
	},
	"list":           func(s *Store, path storage.Path) error { return listing(s, path, false) },
	"list recursive": func(s *Store, path storage.Path) error { return listing(s, path, true) },
	"put": func(s *Store, path storage.Path) error {
		return putting(s, path, storage.CreateOptions{})
	},
	"put with parents": func(s *Store, path storage.Path) error {
		return putting(s, path, storage.CreateOptions{Parents: true})
	},
	"put create only": func(s *Store, path storage.Path) error {
		return putting(s, path, storage.CreateOptions{CreateOnly: true})
	},
	"mkdir":         func(s *Store, path storage.Path) error { return s.Mkdir(path, 0o700, false) },
	"mkdir parents": func(s *Store, path storage.Path) error { return s.Mkdir(path.Join("x/y"), 0o700, true) },
	"remove": func(s *Store, path storage.Path) error {
		_, err := s.Remove(context.Background(), path, false)
		return err
	},
	"remove recursive": func(s *Store, path storage.Path) error {
		_, err := s.Remove(context.Background(), path, true)
		return err
	},
	"rename from": func(s *Store, path storage.Path) error {
		return s.Rename(path, "renamed", storage.RenameOptions{})
	},
	"rename to": func(s *Store, path storage.Path) error {
		return s.Rename("inside/f", path, storage.RenameOptions{})
	},
	"rename to parents": func(s *Store, path storage.Path) error {
		return s.Rename("inside/f", path.Join("x/y"), storage.RenameOptions{Parents: true})
	},
}

var errLeaked = fmt.Errorf("what is outside was read")

func putting(s *Store, path storage.Path, options storage.CreateOptions) error {
	st, err := s.Create(path, options)
	if err != nil {
		return err
	}
	_, err = st.Commit(storage.Attributes{})
	return err
}

func listing(s *Store, path storage.Path, recursive bool) error {
	l, err := s.List(path, recursive)
	if err != nil {
		return err
	}
	defer l.Close()
	for {
		entry, err := l.Next()
		if err != nil {
			return nil
		}
		if entry.Kind == storage.Regular && entry.Size == int64(len(secret)) {
			return errLeaked
		}
	}
}

// follows says which operations follow a link at the end of a path, or go on
// below it.
var follows = map[string]bool{
	"stat": true, "open": true, "list": true, "list recursive": true, "mkdir parents": true, "rename to parents": true,
}

// links lead out of the root in every way.
var links = map[string]string{
	"absolute":       "$OUTSIDE/d",
	"relative":       "../outside/d",
	"climbing":       "inside/../../outside/d",
	"chain":          "relative",
	"chain of two":   "chain",
	"parent":         "..",
	"parent slash":   "../",
	"inside/up":      "../../outside/d",
	"slashes":        "..//outside//d/",
	"root of all":    "/",
	"into the root":  "$ROOT/inside", // absolute links are refused wherever they lead
	"back and forth": "../root/../outside/d",
}

func (w *world) link(t *testing.T) {
	for name, target := range links {
		target = strings.ReplaceAll(strings.ReplaceAll(target, "$OUTSIDE", w.outside), "$ROOT", w.root)
		check(t, os.Symlink(target, w.root+"/"+name))
	}
}

func TestNothingLeadsOutThroughALinkOnTheWay(t *testing.T) {
	for what, do := range operations {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t)
			w.link(t)
			s := open(t, w.root, Options{NoSync: true})
			for name := range links {
				for _, rest := range []storage.Path{"f", "new", "empty", "d/f", "outside/d/f"} {
					path := storage.Path(name).Join(string(rest))
					err := do(s, path)
					wantError(t, string(path), err, fs.ErrPermission)
					if err != nil && strings.Contains(err.Error(), w.dir) {
						t.Errorf("%q shows where the server keeps its files", err)
					}
				}
			}
			w.wantUntouched(t)
		})
	}
}

func TestNothingLeadsOutThroughALinkAtTheEnd(t *testing.T) {
	for _, leaf := range []string{"d", "d/f", "d/missing"} {
		for what, do := range operations {
			t.Run(what+" "+leaf, func(t *testing.T) {
				w := newWorld(t)
				check(t, os.Symlink("../outside/"+leaf, w.root+"/relative"))
				check(t, os.Symlink(w.outside+"/"+leaf, w.root+"/absolute"))
				check(t, os.Symlink("relative", w.root+"/chain"))
				s := open(t, w.root, Options{NoSync: true})
				for _, path := range []storage.Path{"chain", "relative", "absolute"} {
					// Some of these act on the link itself, and succeed.
					if err := do(s, path); err == errLeaked {
						t.Errorf("%s: %v", path, err)
					}
				}
				w.wantUntouched(t)
			})
		}
	}
}

func TestEveryLinkOutIsRefusedAtTheEnd(t *testing.T) {
	w := newWorld(t)
	w.link(t)
	// What an absolute link names below the root is not what it means.
	write(t, w.root+"/inside/etc/f", "inside")
	check(t, os.Symlink("/etc/f", w.root+"/inside/absolute"))
	s := open(t, w.root, Options{NoSync: true})
	for name := range links {
		for _, what := range []string{"stat", "open", "list", "list recursive"} {
			wantError(t, what+" "+name, operations[what](s, storage.Path(name)), fs.ErrPermission)
		}
	}
	wantError(t, "stat", operations["stat"](s, "inside/absolute"), fs.ErrPermission)
}

func TestLinksAtTheEndAreRefusedOrReplaced(t *testing.T) {
	w := newWorld(t)
	s := open(t, w.root, Options{NoSync: true})
	relink := func() {
		os.RemoveAll(w.root + "/l")
		check(t, os.Symlink("../outside/f", w.root+"/l"))
	}
	relink()
	for _, what := range []string{"stat", "open", "list"} {
		wantError(t, what, operations[what](s, "l"), fs.ErrPermission)
	}
	wantError(t, "mkdir", s.Mkdir("l", 0, false), fs.ErrExist)
	wantError(t, "put create only", operations["put create only"](s, "l"), fs.ErrExist)
	if info, err := s.Stat("l", false); err != nil || info.Kind != storage.Symlink || info.Target != "../outside/f" {
		t.Errorf("Stat = %+v, %v", info, err)
	}
	if info := storagetest.Put(t, s, "l", "now a file"); info.Kind != storage.Regular {
		t.Errorf("Commit = %+v", info)
	}
	relink()
	check(t, operations["remove recursive"](s, "l"))
	relink()
	check(t, s.Rename("inside/f", "l", storage.RenameOptions{}))
	if got := storagetest.Get(t, s, "l"); got != "inside" {
		t.Errorf("the file holds %q", got)
	}
	w.wantUntouched(t)
}

func TestLinksInsideAreFollowed(t *testing.T) {
	w := newWorld(t)
	for name, target := range map[string]string{
		"file": "inside/f", "dir": "inside", "dir/": "", "inside/self": "../inside/./f", "two": "file", "dot": ".", "via": "dir/f",
		"updown": "inside/../inside/f", "dirslash": "inside/", "inside/parent": "..",
	} {
		if target != "" {
			check(t, os.Symlink(target, w.root+"/"+name))
		}
	}
	s := open(t, w.root, Options{NoSync: true})
	for _, path := range []storage.Path{
		"file", "dir/f", "inside/self", "two", "dot/file", "via", "updown", "dirslash/f", "inside/parent/inside/f",
	} {
		if got := storagetest.Get(t, s, path); got != "inside" {
			t.Errorf("%q holds %q", path, got)
		}
		if info, err := s.Stat(path, true); err != nil || info.Kind != storage.Regular || info.Size != 6 {
			t.Errorf("Stat(%q) = %+v, %v", path, info, err)
		}
	}
	for _, path := range []storage.Path{"dir", "dot", "inside/parent", "dirslash"} {
		if info, err := s.Stat(path, true); err != nil || info.Kind != storage.Directory {
			t.Errorf("Stat(%q) = %+v, %v", path, info, err)
		}
		_, err := s.Open(path)
		wantError(t, string(path), err, storage.ErrIsDirectory)
	}
	storagetest.Put(t, s, "dir/new", "x")
	if _, err := os.Lstat(w.root + "/inside/new"); err != nil {
		t.Error(err)
	}
}

func TestLinksThatGoNowhere(t *testing.T) {
	w := newWorld(t)
	check(t, os.Symlink("loop", w.root+"/loop"))
	check(t, os.Symlink("missing", w.root+"/dangling"))
	s := open(t, w.root, Options{NoSync: true})
	for _, what := range []string{"stat", "open", "list"} {
		wantError(t, what, operations[what](s, "loop"), storage.ErrInvalid)
		wantError(t, what, operations[what](s, "loop/x"), storage.ErrInvalid)
		wantError(t, what, operations[what](s, "dangling"), fs.ErrNotExist)
		wantError(t, what, operations[what](s, "dangling/x"), fs.ErrNotExist)
	}
	wantError(t, "mkdir parents", s.Mkdir("dangling/x", 0, true), fs.ErrNotExist)
	if got := len(storagetest.Walk(t, s, storage.Root, true)); got != 4 {
		t.Errorf("%d entries", got)
	}
}

// TestNoLinkLeadsToStaging has links by which someone on the server might let
// clients at what others are still sending.
func TestNoLinkLeadsToStaging(t *testing.T) {
	w := newWorld(t)
	s := open(t, w.root, Options{NoSync: true})
	st := storagetest.Stage(t, s, "new", secret, storage.CreateOptions{})
	instance := filepath.Join(stagingDirectory, s.instance.name)
	for name, target := range map[string]string{
		"staging": stagingDirectory, "instance": instance, "file": instance + "/0", "dot": instance + "/.",
		"up": instance + "/..", "chain": "staging", "inside/deep": "../" + instance, "lock": instance + ".lock",
	} {
		check(t, os.Symlink(target, w.root+"/"+name))
	}
	staged := snapshot(t, w.root+"/"+stagingDirectory)
	for _, path := range []storage.Path{
		"staging", "instance", "file", "dot", "up", "chain", "inside/deep", "lock",
		"staging/x", "instance/0", "instance/x", "dot/0", "up/x", "chain/x", "inside/deep/0",
	} {
		for what, do := range operations {
			if _, err := os.Readlink(w.root + "/" + string(path)); err == nil && !follows[what] {
				continue // acts on the link itself
			}
			err := do(s, path)
			if err == nil || err == errLeaked {
				t.Errorf("%s %s: %v", what, path, err)
			}
			if what == "stat" || what == "open" || what == "remove" || what == "put" {
				wantError(t, what+" "+string(path), err, fs.ErrPermission)
			}
		}
	}
	if diff := cmp.Diff(staged, snapshot(t, w.root+"/"+stagingDirectory)); diff != "" {
		t.Errorf("the staging directory:\n%s", diff)
	}
	_, err := st.Commit(storage.Attributes{})
	check(t, err)
}

// TestStagingDirectoryIsNotFollowed has a link in its place.
func TestStagingDirectoryIsNotFollowed(t *testing.T) {
	for _, target := range []string{"../outside", "../outside/f", "inside"} {
		w := newWorld(t)
		check(t, os.Symlink(target, w.root+"/"+stagingDirectory))
		s := open(t, w.root, Options{NoSync: true})
		_, err := s.Create("new", storage.CreateOptions{})
		wantFault(t, target, err)
		check(t, s.Close())
		w.wantUntouched(t)
	}
}

// TestLinksThatFlip runs every operation while a directory on its way becomes
// a link out of the root and back, again and again.
func TestLinksThatFlip(t *testing.T) {
	const rounds = 300
	for what, do := range operations {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			write(t, w.root+"/other/f", "inside")
			check(t, os.Symlink("other", w.root+"/way"))
			s := open(t, w.root, Options{NoSync: true})
			var stop atomic.Bool
			var wg sync.WaitGroup
			wg.Go(func() { w.flip(t, &stop) })
			for range rounds {
				for _, path := range []storage.Path{"way/f", "way/d", "way"} {
					if err := do(s, path); err == errLeaked {
						t.Errorf("%s: %v", path, err)
					}
				}
				_ = os.Mkdir(w.root+"/other/d", 0o755)
				_ = os.WriteFile(w.root+"/other/d/f", nil, 0o644)
			}
			stop.Store(true)
			wg.Wait()
			w.wantUntouched(t)
		})
	}
}

// flip points the link way in and out, in one step each time.
func (w *world) flip(t *testing.T, stop *atomic.Bool) {
	for i := 0; !stop.Load(); i++ {
		target := []string{"other", "../outside", w.outside}[i%3]
		if err := os.Symlink(target, w.root+"/flip"); err != nil {
			t.Error(err)
			return
		}
		if err := os.Rename(w.root+"/flip", w.root+"/way"); err != nil {
			os.RemoveAll(w.root + "/way") // an operation made a directory of it
			os.Remove(w.root + "/flip")
		}
	}
}

// The same refusals without openat2(2), as on other systems.
func TestConfinementInSteps(t *testing.T) {
	inSteps.Store(true)
	defer inSteps.Store(false)
	for name, test := range map[string]func(*testing.T){
		"link on the way":     TestNothingLeadsOutThroughALinkOnTheWay,
		"link at the end":     TestNothingLeadsOutThroughALinkAtTheEnd,
		"every link out":      TestEveryLinkOutIsRefusedAtTheEnd,
		"refused or replaced": TestLinksAtTheEndAreRefusedOrReplaced,
		"links inside":        TestLinksInsideAreFollowed,
		"links to nowhere":    TestLinksThatGoNowhere,
		"links to staging":    TestNoLinkLeadsToStaging,
		"links that flip":     TestLinksThatFlip,
	} {
		t.Run(name, test)
	}
}
