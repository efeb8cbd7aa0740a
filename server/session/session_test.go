package session_test

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ftpd/protocol"
)

// sent is the frames of a whole PUT of content.
func sent(id uint32, m protocol.Put, content string) []byte {
	return append(protocol.Append(nil, id, m), blocks(id, content)...)
}

// blocks is the DATA and END frames of content.
func blocks(id uint32, content string) []byte {
	var b []byte
	var tree protocol.Tree
	for offset := 0; offset < len(content); offset += protocol.BlockSize {
		piece := []byte(content[offset:min(len(content), offset+protocol.BlockSize)])
		digest := protocol.BlockDigest(piece)
		tree.Add(digest, len(piece))
		b = protocol.Append(b, id, protocol.Data{Offset: uint64(offset), Digest: digest, Bytes: piece})
	}
	return protocol.Append(b, id, protocol.End{Size: tree.Size(), Algorithm: protocol.XXH3Tree, Digest: tree.Sum()})
}

// text returns n bytes that differ from block to block.
func text(n int) string {
	var b strings.Builder
	for b.Len() < n {
		fmt.Fprintf(&b, "%d|", b.Len())
	}
	return b.String()[:n]
}

// received puts the DATA of a reply together and checks every digest in it.
func received(t *testing.T, list []protocol.Frame) (protocol.Meta, string) {
	t.Helper()
	if len(list) < 2 {
		t.Fatalf("the reply is %v", names(list))
	}
	m := decode[protocol.Meta](t, list[0])
	var content strings.Builder
	var tree protocol.Tree
	for _, f := range list[1 : len(list)-1] {
		data := decode[protocol.Data](t, f)
		if !data.Verify() {
			t.Errorf("the block at %d is damaged", data.Offset)
		}
		tree.Add(data.Digest, len(data.Bytes))
		content.Write(data.Bytes)
	}
	end := decode[protocol.End](t, list[len(list)-1])
	want := protocol.End{Size: uint64(content.Len()), ETag: m.ETag, Algorithm: protocol.XXH3Tree, Digest: tree.Sum()}
	if diff := cmp.Diff(want, end, cmp.AllowUnexported(protocol.End{})); diff != "" {
		t.Errorf("END: %s", diff)
	}
	return m, content.String()
}

var sizes = []int{0, 1, 4096, 32<<10 - 24, 64 << 10, 64<<10 + 1, protocol.BlockSize - 1, protocol.BlockSize, protocol.BlockSize + 1, 5*protocol.BlockSize + 7}

func TestPutThenGet(t *testing.T) {
	for _, size := range sizes {
		for _, flags := range []protocol.Flags{0, protocol.PutEager} {
			t.Run(fmt.Sprintf("%d bytes, flags %d", size, flags), func(t *testing.T) {
				h := greeted(t)
				content := text(size)
				m := protocol.Put{Flags: flags, Size: uint64(size), Mtime: 1_600_000_000_123_456_789, Mode: 0o640, Path: "a.bin"}
				list := request(h, 3, m)
				if flags == 0 {
					if len(list) != 1 || decode[protocol.Ready](t, list[0]).Offset != 0 {
						t.Fatalf("PUT was answered with %v", names(list))
					}
				}
				list = h.exchange(blocks(3, content))
				ok := decode[protocol.OK](t, list[0])
				if ok.Count != uint64(size) || ok.ETag == 0 {
					t.Errorf("OK says %+v", ok)
				}
				if h.read("a.bin") != content {
					t.Error("the stored file differs")
				}
				info, got := received(t, request(h, 4, protocol.Get{Length: protocol.SizeUnknown, Path: "a.bin"}))
				if got != content {
					t.Error("the file that came back differs")
				}
				want := protocol.Meta{Kind: protocol.File, Mode: 0o640, Size: uint64(size), Mtime: m.Mtime, ETag: ok.ETag}
				if diff := cmp.Diff(want, info, cmp.AllowUnexported(protocol.Meta{})); diff != "" {
					t.Errorf("META: %s", diff)
				}
			})
		}
	}
}

// TestTimeOutOfRange has a file of the year 2603, which the wire cannot tell.
func TestTimeOutOfRange(t *testing.T) {
	h := greeted(t)
	h.write("future", "x")
	// os.Chtimes has the limit of the wire.
	if out, err := exec.Command("touch", "-d", "@20000000000", filepath.Join(h.root, "future")).CombinedOutput(); err != nil {
		t.Skipf("a file cannot be dated so here: %v %s", err, out)
	}
	if m := final[protocol.Meta](h, protocol.Stat{Path: "future"}); m.Mtime != protocol.NoTime {
		t.Errorf("the time is told as %s", time.Unix(0, m.Mtime))
	}
}

func TestGetRange(t *testing.T) {
	const block = protocol.BlockSize
	content := text(3*block + 100)
	for _, r := range []struct{ offset, length uint64 }{
		{0, 0}, {0, 10}, {block - 5, 10}, {block, block}, {1, protocol.SizeUnknown}, {10, 2 * block},
		{uint64(len(content)), 5}, {uint64(len(content)) + 1, protocol.SizeUnknown}, {protocol.MaxFileSize, 0},
		{uint64(len(content)) - 1, protocol.MaxFileSize - uint64(len(content))},
	} {
		h := greeted(t)
		h.write("f", content)
		_, got := received(t, request(h, 1, protocol.Get{Offset: r.offset, Length: r.length, Path: "f"}))
		begin := min(r.offset, uint64(len(content)))
		end := uint64(len(content))
		if r.length != protocol.SizeUnknown {
			end = min(end, begin+r.length)
		}
		if got != content[begin:end] {
			t.Errorf("range %d+%d: got %d bytes instead of %d, or others", r.offset, r.length, len(got), end-begin)
		}
	}
}

func TestCommands(t *testing.T) {
	h := greeted(t)
	h.write("d/x", "1")
	h.write("d/sub/y", "22")
	if err := os.Symlink("x", filepath.Join(h.root, "d", "link")); err != nil {
		t.Fatal(err)
	}

	if m := final[protocol.Meta](h, protocol.Stat{Path: "d/link"}); m.Kind != protocol.File || m.Size != 1 {
		t.Errorf("STAT: %+v", m)
	}
	if m := final[protocol.Meta](h, protocol.Stat{Flags: protocol.StatNoFollow, Path: "d/link"}); m.Kind != protocol.Symlink || m.Target != "x" {
		t.Errorf("STAT no-follow: %+v", m)
	}
	list := request(h, 9, protocol.List{Path: "d"})
	checkListing(t, list, "link", "sub", "x")
	list = request(h, 9, protocol.List{Flags: protocol.ListRecursive, Path: ""})
	checkListing(t, list, "d", "d/link", "d/sub", "d/sub/y", "d/x")
	checkListing(t, request(h, 9, protocol.List{Flags: protocol.ListRecursive, Path: "d/sub"}), "y")

	final[protocol.OK](h, protocol.Mkdir{Mode: 0o700, Path: "new"})
	final[protocol.OK](h, protocol.Mkdir{Flags: protocol.MkdirParents, Path: "new/a/b"})
	final[protocol.OK](h, protocol.Rename{From: "d/x", To: "new/x"})
	if h.read("new/x") != "1" {
		t.Error("RENAME lost the content")
	}
	end := final[protocol.End](h, protocol.Sum{Algorithm: protocol.XXH3Tree, Path: "d/sub/y"})
	var tree protocol.Tree
	tree.Add(protocol.BlockDigest([]byte("22")), 2)
	if end.Digest != tree.Sum() || end.Size != 2 || end.ETag == 0 {
		t.Errorf("SUM: %+v", end)
	}
	end = final[protocol.End](h, protocol.Sum{Algorithm: protocol.SHA256, Path: "d/sub/y"})
	if want := (protocol.End{Size: 2, ETag: end.ETag, Algorithm: protocol.SHA256, SHA256: sha256.Sum256([]byte("22"))}); end != want || end.ETag == 0 {
		t.Errorf("SUM by SHA-256: %+v", end)
	}
	if ok := final[protocol.OK](h, protocol.Remove{Flags: protocol.RemoveRecursive, Path: "d"}); ok.Count != 4 {
		t.Errorf("REMOVE says that %d entries went, not 4", ok.Count)
	}
	final[protocol.OK](h, protocol.Remove{Path: "new/x"})
	pong := final[protocol.Pong](h, protocol.Ping{Content: []byte("here")})
	if string(pong.Content) != "here" {
		t.Errorf("PONG: %q", pong.Content)
	}
}

func checkListing(t *testing.T, list []protocol.Frame, want ...string) {
	t.Helper()
	var got []string
	for _, f := range list[:len(list)-1] {
		for _, e := range decode[protocol.Entries](t, f).List {
			got = append(got, e.Path)
		}
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("listing: %s", diff)
	}
	if ok := decode[protocol.OK](t, list[len(list)-1]); ok.Count != uint64(len(want)) {
		t.Errorf("OK counts %d of %d entries", ok.Count, len(want))
	}
}

func TestListOfManyBatches(t *testing.T) {
	h := greeted(t)
	var want []string
	for i := range 3000 {
		name := fmt.Sprintf("%s-%04d", strings.Repeat("n", 60), i)
		h.write(name, "")
		want = append(want, name)
	}
	list := request(h, 1, protocol.List{})
	if len(list) < 4 {
		t.Errorf("3000 entries came in %d frames", len(list))
	}
	checkListing(t, list, want...)
}

// TestRequestErrors has every failure of one request that needs no fault of
// the disk; the connection goes on after each.
func TestRequestErrors(t *testing.T) {
	get := func(path string) protocol.Message { return protocol.Get{Length: protocol.SizeUnknown, Path: path} }
	for _, c := range []struct {
		name string
		m    protocol.Message
		code protocol.Code
	}{
		{"get missing", get("none"), protocol.NotFound},
		{"get directory", get("dir"), protocol.IsDirectory},
		{"get below a file", get("file/x"), protocol.NotDirectory},
		{"get ..", get("../../etc/passwd"), protocol.Invalid},
		{"get absolute", get("/etc/passwd"), protocol.Invalid},
		{"get a/../../b", get("a/../../b"), protocol.Invalid},
		{"get NUL", get("a\x00b"), protocol.Invalid},
		{"get through a link", get("out/passwd"), protocol.Permission},
		{"get a link", get("passwd"), protocol.Permission},
		{"get another version", protocol.Get{Flags: protocol.GetIfMatch, ETag: 1, Length: protocol.SizeUnknown, Path: "file"}, protocol.Changed},
		{"stat missing", protocol.Stat{Path: "none"}, protocol.NotFound},
		{"list file", protocol.List{Path: "file"}, protocol.NotDirectory},
		{"list missing", protocol.List{Path: "none"}, protocol.NotFound},
		{"list outside", protocol.List{Path: "out"}, protocol.Permission},
		{"mkdir exists", protocol.Mkdir{Path: "dir"}, protocol.Exists},
		{"mkdir outside", protocol.Mkdir{Path: "out/x"}, protocol.Permission},
		{"remove full", protocol.Remove{Path: "dir"}, protocol.NotEmpty},
		{"remove root", protocol.Remove{Flags: protocol.RemoveRecursive, Path: "."}, protocol.Invalid},
		{"rename missing", protocol.Rename{From: "none", To: "x"}, protocol.NotFound},
		{"rename out", protocol.Rename{From: "file", To: "../x"}, protocol.Invalid},
		{"rename onto", protocol.Rename{Flags: protocol.RenameNoReplace, From: "file", To: "dir/x"}, protocol.Exists},
		{"sum directory", protocol.Sum{Algorithm: protocol.XXH3Tree, Path: "dir"}, protocol.IsDirectory},
		{"sum algorithm", protocol.Sum{Algorithm: 9, Path: "file"}, protocol.Unsupported},
		{"put onto directory", protocol.Put{Size: 1 << 20, Path: "dir"}, protocol.IsDirectory},
		{"put exists", protocol.Put{Flags: protocol.PutCreateOnly, Size: 1 << 20, Path: "file"}, protocol.Exists},
		{"put no parent", protocol.Put{Size: 1 << 20, Path: "none/x"}, protocol.NotFound},
		{"put outside", protocol.Put{Size: 1 << 20, Path: "out/x"}, protocol.Permission},
		{"put ..", protocol.Put{Size: 1 << 20, Path: "../x"}, protocol.Invalid},
		{"put version", protocol.Put{Flags: protocol.PutIfMatch, ETag: 1, Size: 1 << 20, Path: "file"}, protocol.Changed},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := greeted(t)
			outside := filepath.Join(t.TempDir(), "secret")
			if err := os.MkdirAll(outside, 0o755); err != nil {
				t.Fatal(err)
			}
			h.write("file", "content")
			h.write("dir/x", "content")
			for link, target := range map[string]string{"out": outside, "passwd": "/etc/passwd"} {
				if err := os.Symlink(target, filepath.Join(h.root, link)); err != nil {
					t.Fatal(err)
				}
			}
			list := h.exchange(protocol.Append(nil, 7, c.m))
			if want := "ERROR " + c.code.String(); len(list) != 1 || names(list)[0] != want {
				t.Fatalf("answered with %v, not with %s", names(list), want)
			}
			if strings.Contains(string(list[0].Payload), h.root) || strings.Contains(string(list[0].Payload), outside) {
				t.Errorf("the sentence tells where the server keeps its files: %q", list[0].Payload)
			}
			if c.m.Opcode() == protocol.OpPut { // its number is free only after END or CANCEL
				h.exchange(protocol.Append(nil, 7, protocol.Cancel{}))
			}
			final[protocol.Pong](h, protocol.Ping{})
			final[protocol.Meta](h, protocol.Stat{Path: "file"})
			if entries, _ := os.ReadDir(outside); len(entries) > 0 {
				t.Errorf("something was made outside: %v", entries)
			}
		})
	}
}

// TestAnySplit sends one long conversation cut at every byte and expects the
// same replies each time.
func TestAnySplit(t *testing.T) {
	var script []byte
	script = append(script, hello()...)
	script = append(script, sent(1, protocol.Put{Flags: protocol.PutEager, Size: 3, Mtime: 5, Path: "a"}, "abc")...)
	script = protocol.Append(script, 2, protocol.Stat{Path: "none"})
	script = append(script, sent(3, protocol.Put{Flags: protocol.PutEager, Size: protocol.SizeUnknown, Mtime: 5, Path: "b"}, "")...)
	script = protocol.Append(script, 4, protocol.Ping{Content: []byte("x")})
	script = protocol.Append(script, 5, protocol.Get{Length: protocol.SizeUnknown, Path: "none"})
	script = protocol.Append(script, 0, protocol.Bye{})
	root := t.TempDir()
	store := storeOf(t, root)
	whole := newHarnessOn(t, root, store)
	want := count(whole.exchange(script))
	for cut := range script {
		h := newHarnessOn(t, root, store)
		list := h.exchange(script[:cut:cut])
		list = append(list, h.exchange(script[cut:])...)
		if diff := cmp.Diff(want, count(list)); diff != "" {
			t.Fatalf("cut at %d: %s", cut, diff)
		}
		if h.finished != "bye" {
			t.Fatalf("cut at %d: closed for %q", cut, h.finished)
		}
		h.close()
	}
}

// count tells how often each reply came: their order may differ.
func count(list []protocol.Frame) map[string]int {
	m := map[string]int{}
	for _, f := range list {
		m[fmt.Sprint(f.Request, f.Opcode)]++
	}
	return m
}

// TestAnyOrder pipelines many requests and runs their jobs in random order.
func TestAnyOrder(t *testing.T) {
	for seed := range uint64(8) {
		random := rand.New(rand.NewPCG(seed, 1))
		h := greeted(t)
		large := text(7*protocol.BlockSize + 9)
		h.write("large", large)
		h.write("small", "s")
		var script []byte
		for id := range uint32(20) {
			script = protocol.Append(script, 10+id, protocol.Get{Length: protocol.SizeUnknown, Path: []string{"large", "small"}[id%2]})
		}
		var list []protocol.Frame
		for rest := h.feed(script); ; rest = h.feed(rest) {
			h.shuffle(random)
			fresh := h.frames()
			list = append(list, fresh...)
			if len(rest) == 0 && len(fresh) == 0 && len(h.jobs) == 0 {
				break
			}
		}
		for id := range uint32(20) {
			var mine []protocol.Frame
			for _, f := range list {
				if f.Request == 10+id {
					mine = append(mine, f)
				}
			}
			if _, got := received(t, mine); got != []string{large, "s"}[id%2] {
				t.Fatalf("seed %d: request %d got %d bytes, or others", seed, id, len(got))
			}
		}
	}
}
