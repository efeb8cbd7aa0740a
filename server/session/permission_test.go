package session_test

import (
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ftpd/protocol"
	"ftpd/server/session"
)

// gate is a session.Gate made of functions.
type gate struct {
	anonymous *session.Account
	admit     error
	failures  map[netip.Addr]int
	login     func(session.Attempt) (*session.Account, error)
}

func (g *gate) Anonymous() *session.Account                       { return g.anonymous }
func (g *gate) Admit(a netip.Addr, _ time.Time) (int, error)      { return g.failures[a], g.admit }
func (g *gate) Login(a session.Attempt) (*session.Account, error) { return g.login(a) }

// permitted is a request and what it needs.
type permitted struct {
	op     protocol.Opcode
	name   string
	frames []byte
	needs  session.Permissions
}

func permittedCases() []permitted {
	const r, w, d, l = session.Read, session.Write, session.Delete, session.List
	put := func(flags protocol.Flags, path string, etag protocol.ETag) []byte {
		return sent(1, protocol.Put{Flags: flags, Size: 3, Mtime: protocol.NoTime, ETag: etag, Path: path}, "new")
	}
	const eager = protocol.PutEager
	one := func(m protocol.Message) []byte { return protocol.Append(nil, 1, m) }
	return []permitted{
		{protocol.OpList, "list", one(protocol.List{}), l},
		{protocol.OpList, "list recursive", one(protocol.List{Flags: protocol.ListRecursive, Path: "dir"}), l},
		{protocol.OpStat, "stat", one(protocol.Stat{Path: "file"}), l},
		{protocol.OpStat, "stat no follow", one(protocol.Stat{Flags: protocol.StatNoFollow, Path: "link"}), l},
		{protocol.OpGet, "get", one(protocol.Get{Length: protocol.SizeUnknown, Path: "file"}), r},
		{protocol.OpSum, "sum", one(protocol.Sum{Algorithm: protocol.SHA256, Path: "file"}), r},
		{protocol.OpPut, "put", put(eager, "fresh", 0), w},
		{protocol.OpPut, "put of parents", put(eager|protocol.PutParents, "a/b/fresh", 0), w},
		{protocol.OpPut, "put create only", put(eager|protocol.PutCreateOnly, "fresh", 0), w},
		{protocol.OpPut, "put over a file", put(eager, "file", 0), w | d},
		{protocol.OpPut, "put over a file, staged", one(protocol.Put{Size: 300_000, Path: "file"}), w | d},
		{protocol.OpPut, "put over a link", put(eager, "link", 0), w | d},
		{protocol.OpPut, "put if match", put(eager|protocol.PutIfMatch, "file", 7), w | d},
		{protocol.OpPut, "put spread", one(protocol.Put{Flags: protocol.PutSpread, Size: 300_000, Source: 1, Version: 1, Path: "fresh"}), w},
		{protocol.OpPut, "put join", sent(1, protocol.Put{Flags: protocol.PutJoin | eager, Size: 300_000, Source: 1, Version: 1, Path: "fresh"}, "new"), w},
		{protocol.OpMkdir, "mkdir", one(protocol.Mkdir{Path: "made"}), w},
		{protocol.OpMkdir, "mkdir parents", one(protocol.Mkdir{Flags: protocol.MkdirParents, Path: "made/below"}), w},
		{protocol.OpRemove, "remove", one(protocol.Remove{Path: "file"}), d},
		{protocol.OpRemove, "remove recursive", one(protocol.Remove{Flags: protocol.RemoveRecursive, Path: "dir"}), d},
		{protocol.OpRename, "rename", one(protocol.Rename{From: "file", To: "moved"}), w | d},
		{protocol.OpRename, "rename over a file", one(protocol.Rename{From: "file", To: "other"}), w | d},
		{protocol.OpRename, "rename of parents", one(protocol.Rename{Flags: protocol.RenameParents, From: "file", To: "x/y"}), w | d},
		{protocol.OpRename, "rename no replace", one(protocol.Rename{Flags: protocol.RenameNoReplace, From: "file", To: "moved"}), w | d},
		{protocol.OpPing, "ping", nil, 0},
		{protocol.OpCancel, "cancel", one(protocol.Cancel{}), 0},
		{protocol.OpBye, "bye", protocol.Append(nil, 0, protocol.Bye{}), 0},
		{protocol.OpSync, "sync", raw(protocol.OpSync, 0, 1, ""), 0},
	}
}

// without are the opcodes that begin no request of their own, or come before an account
// counts.
var without = []protocol.Opcode{protocol.OpHello, protocol.OpAuth, protocol.OpData, protocol.OpEnd}

// TestPermissions has every request of every opcode from every account. What is refused
// leaves the tree as it was.
func TestPermissions(t *testing.T) {
	seen := map[protocol.Opcode]bool{}
	for _, op := range without {
		seen[op] = true
	}
	for _, c := range permittedCases() {
		seen[c.op] = true
		for allow := range 2 * session.Admin {
			t.Run(fmt.Sprintf("%s with %q", c.name, allow), func(t *testing.T) {
				h, account := allowed(t, allow)
				staging := !allow.Has(session.Write)
				before := treeOf(t, h.root, staging)
				refused := refusedFor(t, h.exchange(c.frames), protocol.Permission)
				if want := !account.Allow.Has(c.needs); refused != want {
					t.Errorf("refused: %t", refused)
				}
				if after := treeOf(t, h.root, staging); refused {
					if diff := cmp.Diff(before, after); diff != "" {
						t.Errorf("it was refused and changed (-before +after):\n%s", diff)
					}
				}
			})
		}
	}
	for op := range 0x40 {
		if op := protocol.Opcode(op); !seen[op] && !strings.HasPrefix(op.String(), "opcode") {
			t.Errorf("no test says what %s needs", op)
		}
	}
}

// allowed returns a harness over a small tree whose client may do what is given.
func allowed(t *testing.T, allow session.Permissions) (*harness, *session.Account) {
	t.Helper()
	g := &gate{anonymous: &session.Account{Allow: allow}}
	h := newHarness(t, func(c *session.Config) { g.anonymous.Storage, c.Gate = c.Storage, g })
	h.write("file", "content")
	h.write("other", "another")
	h.write("dir/below", "deep")
	if err := os.Symlink("file", filepath.Join(h.root, "link")); err != nil {
		t.Fatal(err)
	}
	h.greet()
	return h, g.anonymous
}

// refusedFor reports whether a reply is ERROR with a code; it is of the request then.
func refusedFor(t *testing.T, replies []protocol.Frame, code protocol.Code) bool {
	t.Helper()
	for _, f := range replies {
		if f.Opcode != protocol.OpError {
			continue
		}
		if m := decode[protocol.Error](t, f); m.Code == code {
			if f.Request != 1 {
				t.Errorf("ERROR of request %d", f.Request)
			}
			return true
		}
	}
	return false
}

// treeOf is all there is of a tree: kinds, modes, times, contents, targets. Without
// staging it is what clients see.
func treeOf(t *testing.T, root string, staging bool) map[string]string {
	t.Helper()
	tree := map[string]string{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.Name() == ".ftpd-staging" && !staging {
			return fs.SkipDir
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		what := fmt.Sprint(info.Mode(), info.ModTime())
		switch {
		case info.Mode().IsRegular():
			content, err := os.ReadFile(path)
			tree[path] = what + string(content)
			return err
		case info.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(path)
			tree[path] = what + target
			return err
		}
		if tree[path] = what; path == root && !staging {
			tree[path] = "" // whose time staging has moved
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// TestReadOnlyAccountChangesNothing has all requests one after the other, each with and
// without what it would do come true.
func TestReadOnlyAccountChangesNothing(t *testing.T) {
	h, _ := allowed(t, session.Read|session.List)
	before := treeOf(t, h.root, true)
	for _, c := range permittedCases() {
		if c.op == protocol.OpBye {
			continue
		}
		h.exchange(c.frames)
		if c.name == "put over a file, staged" || c.name == "put spread" {
			h.exchange(protocol.Append(nil, 1, protocol.Cancel{})) // its own side is open still
		}
	}
	if diff := cmp.Diff(before, treeOf(t, h.root, true)); diff != "" {
		t.Errorf("it changed the tree (-before +after):\n%s", diff)
	}
	final[protocol.Meta](h, protocol.Stat{Path: "file"})
}

// TestAnonymousWithoutGate is Config.Allow.
func TestAnonymousWithoutGate(t *testing.T) {
	h := greeted(t, func(c *session.Config) { c.Allow = session.Read | session.List })
	h.write("file", "content")
	if m := final[protocol.Error](h, protocol.Remove{Path: "file"}); m.Code != protocol.Permission {
		t.Errorf("%+v", m)
	}
	if m := final[protocol.Error](h, protocol.Authenticate{Method: protocol.Password, User: "a"}); m.Code != protocol.Unsupported {
		t.Errorf("%+v", m)
	}
}
