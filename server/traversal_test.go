//go:build unix

package server

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ftpd/protocol"
)

// trap is a served directory beside one that nobody may reach through it. All
// that is outside has a word in its name and its content, and sizes of its own,
// by which it would be known on the wire.
type trap struct {
	root, outside string
	before        map[string]string
}

const (
	sentinel     = "sentinel"
	sentinelSize = 7919
)

func newTrap(t *testing.T) *trap {
	dir := t.TempDir()
	w := &trap{root: dir + "/root", outside: dir + "/outside"}
	secret := strings.Repeat(sentinel+" ", sentinelSize)[:sentinelSize]
	for name, content := range map[string]string{
		w.outside + "/" + sentinel:          secret,
		w.outside + "/f":                    secret,
		w.outside + "/d/f":                  secret,
		w.outside + "/d/" + sentinel + "/f": secret,
		w.root + "/inside/f":                "inside",
	} {
		mustDo(t, os.MkdirAll(filepath.Dir(name), 0o755))
		mustDo(t, os.WriteFile(name, []byte(content), 0o644))
	}
	mustDo(t, os.Mkdir(w.outside+"/empty", 0o755))
	w.before = picture(t, w.outside)
	return w
}

func mustDo(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// picture describes all that is below a directory.
func picture(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	mustDo(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		mustDo(t, err)
		info, err := d.Info()
		mustDo(t, err)
		var content []byte
		if d.Type().IsRegular() {
			content, err = os.ReadFile(path)
			mustDo(t, err)
		}
		found[path] = fmt.Sprintf("%v %v %q", info.Mode(), info.ModTime(), content)
		return nil
	}))
	return found
}

// intact checks that nothing outside was changed, and nothing of it told.
func (w *trap) intact(t *testing.T, heard []byte) {
	t.Helper()
	if diff := cmp.Diff(w.before, picture(t, w.outside)); diff != "" {
		t.Errorf("outside the root (- before, + after):\n%s", diff)
	}
	if bytes.Contains(heard, []byte(sentinel)) {
		t.Error("what is outside was sent")
	}
}

// told checks the replies for what tells of something outside in numbers.
func told(t *testing.T, path string, a answer) {
	t.Helper()
	for _, f := range a.frames {
		switch f.Opcode {
		case protocol.OpMeta:
			if m, err := protocol.Decode[protocol.Meta](f); err == nil && m.Size == sentinelSize {
				t.Errorf("%.60q: META describes what is outside", path)
			}
		case protocol.OpEnd:
			if m, err := protocol.Decode[protocol.End](f); err == nil && m.Size == sentinelSize {
				t.Errorf("%.60q: END has a digest of what is outside", path)
			}
		}
	}
}

// pathOpcodes are all requests that name a path, as frames of request 1.
var pathOpcodes = map[string]func(path string) []byte{
	"STAT": func(p string) []byte { return protocol.Append(nil, 1, protocol.Stat{Path: p}) },
	"STAT NO_FOLLOW": func(p string) []byte {
		return protocol.Append(nil, 1, protocol.Stat{Flags: protocol.StatNoFollow, Path: p})
	},
	"GET": func(p string) []byte {
		return protocol.Append(nil, 1, protocol.Get{Length: protocol.SizeUnknown, Path: p})
	},
	"LIST": func(p string) []byte { return protocol.Append(nil, 1, protocol.List{Path: p}) },
	"LIST RECURSIVE": func(p string) []byte {
		return protocol.Append(nil, 1, protocol.List{Flags: protocol.ListRecursive, Path: p})
	},
	"SUM": func(p string) []byte {
		return protocol.Append(nil, 1, protocol.Sum{Algorithm: protocol.XXH3Tree, Path: p})
	},
	"SUM SHA-256": func(p string) []byte {
		return protocol.Append(nil, 1, protocol.Sum{Algorithm: protocol.SHA256, Path: p})
	},
	"PUT": func(p string) []byte { return whole(1, protocol.Put{Flags: protocol.PutEager, Path: p}, "new") },
	"PUT staged": func(p string) []byte {
		return whole(1, protocol.Put{Flags: protocol.PutEager, Path: p}, strings.Repeat("new", 100_000))
	},
	"PUT PARENTS": func(p string) []byte {
		return whole(1, protocol.Put{Flags: protocol.PutEager | protocol.PutParents, Path: p}, "new")
	},
	"PUT CREATE_ONLY": func(p string) []byte {
		return whole(1, protocol.Put{Flags: protocol.PutEager | protocol.PutCreateOnly, Path: p}, "new")
	},
	"PUT JOIN": func(p string) []byte {
		return whole(1, protocol.Put{Flags: protocol.PutEager | protocol.PutJoin, Source: 1, Version: 1, Path: p}, "new")
	},
	"MKDIR": func(p string) []byte { return protocol.Append(nil, 1, protocol.Mkdir{Path: p}) },
	"MKDIR PARENTS": func(p string) []byte {
		return protocol.Append(nil, 1, protocol.Mkdir{Flags: protocol.MkdirParents, Path: p})
	},
	"REMOVE": func(p string) []byte { return protocol.Append(nil, 1, protocol.Remove{Path: p}) },
	"REMOVE RECURSIVE": func(p string) []byte {
		return protocol.Append(nil, 1, protocol.Remove{Flags: protocol.RemoveRecursive, Path: p})
	},
	"RENAME from": func(p string) []byte { return protocol.Append(nil, 1, protocol.Rename{From: p, To: "taken"}) },
	"RENAME to":   func(p string) []byte { return protocol.Append(nil, 1, protocol.Rename{From: "inside/f", To: p}) },
	"RENAME PARENTS": func(p string) []byte {
		return protocol.Append(nil, 1, protocol.Rename{Flags: protocol.RenameParents, From: "inside/f", To: p})
	},
}

// TestEvilPathInEveryOpcode names what no path may be: each opcode refuses it
// with the code that SPEC.md has for it, and the connection goes on.
func TestEvilPathInEveryOpcode(t *testing.T) {
	w := newTrap(t)
	s, stop := inProcess(t, Config{Root: w.root})
	defer stop()
	evil := []string{
		"..", "../outside/f", "../../../../../../etc/passwd", "inside/../../outside/f", "inside/..", "./..", "inside//../..//outside/f",
		"/", "//", "/etc/passwd", w.outside + "/f", "x\x00y", "\x00", "inside/f\x00.txt", ".ftpd-staging/x", "inside/.ftpd-x", ".ftpd-",
		strings.Repeat("n", 256), "inside/" + strings.Repeat("n", 256) + "/f", strings.Repeat("../", 1365),
	}
	for op, frames := range pathOpcodes {
		t.Run(op, func(t *testing.T) {
			c := openWire(t, s.Address().String())
			for _, path := range evil {
				a := c.ask(frames(path))
				if got := a.outcome(); got != "invalid" {
					t.Errorf("%.60q was answered with %s", path, got)
				}
			}
			c.alive()
			if got := c.ask(frames(strings.Repeat("p/", 2048) + "p")).outcome(); got != "closed: protocol" {
				t.Errorf("a path of 4097 bytes was answered with %s", got)
			}
			w.intact(t, c.heard.Bytes())
		})
	}
}

// linksOut lead out of the root in every way.
var linksOut = map[string]string{
	"absolute": "$OUTSIDE", "relative": "../outside", "climbing": "inside/../../outside", "chain": "relative", "chain2": "chain",
	"up": "..", "slashes": "..//outside//", "file": "../outside/f", "filechain": "file", "loop": "loop2", "loop2": "loop",
	"inside/link": "../../outside",
}

func (w *trap) link(t *testing.T) {
	t.Helper()
	for name, target := range linksOut {
		_ = os.RemoveAll(w.root + "/" + name) // an opcode may have replaced it
		mustDo(t, os.Symlink(strings.ReplaceAll(target, "$OUTSIDE", w.outside), w.root+"/"+name))
	}
}

// TestLinkOutInEveryOpcode names links out of the root, and what lies below them:
// each opcode refuses, or acts on the link itself.
func TestLinkOutInEveryOpcode(t *testing.T) {
	for op, frames := range pathOpcodes {
		t.Run(op, func(t *testing.T) {
			t.Parallel()
			w := newTrap(t)
			s, stop := inProcess(t, Config{Root: w.root, Durability: None})
			defer stop()
			c := openWire(t, s.Address().String())
			for name := range linksOut {
				for _, below := range []string{"", "/", "/.", "/f", "/d", "/d/f", "/empty", "/new", "/new/x", "/outside/f"} {
					w.link(t)
					a := c.ask(frames(name + below))
					if got := a.outcome(); got == "nothing" || strings.HasPrefix(got, "closed") {
						t.Fatalf("%s was answered with %s", name+below, got)
					} else if inside := below == "" || below == "/" || below == "/."; !inside && isSuccess(got) {
						t.Errorf("%s was answered with %s", name+below, got)
					}
					told(t, name+below, a)
				}
			}
			c.alive()
			w.intact(t, c.heard.Bytes())
		})
	}
}

func isSuccess(outcome string) bool { return outcome == "OK" || outcome == "META" || outcome == "END" }

// TestFlippingLinkUnderEveryOpcode has a directory on the way of every opcode that
// becomes a link out of the root and back, all the while.
func TestFlippingLinkUnderEveryOpcode(t *testing.T) {
	const rounds = 80
	for op, frames := range pathOpcodes {
		t.Run(op, func(t *testing.T) {
			t.Parallel()
			w := newTrap(t)
			mustDo(t, os.MkdirAll(w.root+"/other/d", 0o755))
			mustDo(t, os.WriteFile(w.root+"/other/f", []byte("inside"), 0o644))
			s, stop := inProcess(t, Config{Root: w.root, Durability: None})
			defer stop()
			var over atomic.Bool
			var group sync.WaitGroup
			var flips atomic.Int64
			group.Go(func() { w.flip(&over, &flips) })
			c := openWire(t, s.Address().String())
			for round := 0; round < rounds || flips.Load() < 10; round++ { // a busy machine may flip late
				for _, path := range []string{"way/f", "way", "way/d", "way/d/f", "way/new/x"} {
					a := c.ask(frames(path))
					if got := a.outcome(); got == "nothing" || strings.HasPrefix(got, "closed") {
						t.Fatalf("%s was answered with %s", path, got)
					}
					told(t, path, a)
				}
				_ = os.MkdirAll(w.root+"/other/d", 0o755)
				_ = os.MkdirAll(w.root+"/inside", 0o755)
				_ = os.WriteFile(w.root+"/other/d/f", nil, 0o644)
				_ = os.WriteFile(w.root+"/other/f", nil, 0o644)
				_ = os.WriteFile(w.root+"/inside/f", nil, 0o644)
			}
			over.Store(true)
			group.Wait()
			c.alive()
			w.intact(t, c.heard.Bytes())
		})
	}
}

// flip makes of the name way a link inside, a link outside and a directory, in
// turn, and counts.
func (w *trap) flip(over *atomic.Bool, flips *atomic.Int64) {
	way, next := w.root+"/way", w.root+"/next"
	for i := 0; !over.Load(); i++ {
		_ = os.RemoveAll(next)
		if target := []string{"other", "../outside", w.outside, ""}[i%4]; target == "" {
			_ = os.MkdirAll(next+"/d", 0o755)
		} else {
			_ = os.Symlink(target, next)
		}
		if os.Rename(next, way) != nil { // one is a directory, the other a link
			_ = os.RemoveAll(way)
			_ = os.Rename(next, way)
		}
		flips.Add(1)
	}
}
