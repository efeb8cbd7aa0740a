package client

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"ftpd/internal/trial"
	"ftpd/protocol"
)

// relayTo starts a relay that ends with the test.
func relayTo(t *testing.T, target string) *trial.Relay {
	t.Helper()
	r, err := trial.NewRelay(target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// getThrough gets a file through a relay, over a connection of its own.
func getThrough(t *testing.T, r *trial.Relay, remote, local string, o *TransferOptions) (Result, error) {
	t.Helper()
	c, err := Dial(limit(t), r.Address(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.GetFile(limit(t), remote, local, o)
}

// half gets the first part of a file, until the connection is cut, and returns
// how much came.
func half(t *testing.T, r *trial.Relay, remote, local string) int64 {
	t.Helper()
	r.CutAfter(5*bs+1000, nil)
	_, err := getThrough(t, r, remote, local, nil)
	var resumable *ResumableError
	if !errors.Is(err, ErrNetwork) || !errors.As(err, &resumable) {
		t.Fatalf("%v", err)
	}
	if want := filepath.Join(filepath.Dir(local), keptName(filepath.Base(local), partSuffix)); resumable.Part != want {
		t.Errorf("the part file is %s", resumable.Part)
	}
	if resumable.Size < bs || resumable.Size > 5*bs || resumable.Size%bs != 0 {
		t.Errorf("%d bytes came", resumable.Size)
	}
	if _, err := os.Lstat(local); err == nil {
		t.Error("a part has the name of the whole")
	}
	r.CutAfter(0, nil)
	return resumable.Size
}

// remoteFile makes a file on a server, and a local name for it.
func remoteFile(t *testing.T, content []byte) (d *daemon, r *trial.Relay, local string) {
	t.Helper()
	d = serve(t)
	writeFile(t, filepath.Join(d.root, "f"), content)
	return d, relayTo(t, d.address), filepath.Join(t.TempDir(), "f")
}

func writeFile(t *testing.T, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func wantContent(t *testing.T, name string, content []byte) {
	t.Helper()
	if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, content) {
		t.Errorf("%s has %d bytes, and not the %d that it should: %v", name, len(got), len(content), err)
	}
}

// A get that was cut off goes on behind the last block that came.
func TestGetResumes(t *testing.T) {
	for _, size := range []int{6 * bs, 6*bs + 1, 20 * bs} {
		content := noise(size)
		_, r, local := remoteFile(t, content)
		came := half(t, r, "f", local)
		var progress counter
		result, err := getThrough(t, r, "f", local, &TransferOptions{Progress: &progress})
		if err != nil || result.Resumed != came || result.Restarted || result.Size != int64(size) || result.Digest != treeOf(content) {
			t.Errorf("of %d bytes %d had come: %+v, %v", size, came, result, err)
		}
		rest := int64(size) - came
		if passed := r.Passed(); passed > rest+64<<10 {
			t.Errorf("%d bytes passed for the last %d", passed, rest)
		}
		if want := (counter{1, rest, rest, 1}); progress != want {
			t.Errorf("the progress is %+v, and not %+v", progress, want)
		}
		wantContent(t, local, content)
		noParts(t, filepath.Dir(local))
	}
}

// What is cut off again and again comes in the end.
func TestGetResumesAgain(t *testing.T) {
	content := noise(40*bs + 9)
	_, r, local := remoteFile(t, content)
	var all, cuts int64
	for {
		r.CutAfter(7*bs+cuts*1000, nil)
		_, err := getThrough(t, r, "f", local, nil)
		all += r.Passed()
		if err == nil {
			break
		}
		if cuts++; cuts > 40 {
			t.Fatal("it does not come to an end")
		}
	}
	wantContent(t, local, content)
	if again := all - int64(len(content)); again > cuts*(2*bs+64<<10) {
		t.Errorf("%d bytes were sent again in %d cuts", again, cuts)
	}
}

// Of what changed on the server since, nothing is kept.
func TestGetChanged(t *testing.T) {
	d, r, local := remoteFile(t, noise(20*bs))
	half(t, r, "f", local)
	for _, size := range []int{20*bs + 1, 3 * bs, 5} {
		content := noise(size)
		writeFile(t, filepath.Join(d.root, "f"), content)
		if size > 5*bs {
			half(t, r, "f", local)
			content = append(content, 1)
			writeFile(t, filepath.Join(d.root, "f"), content)
		}
		result, err := getThrough(t, r, "f", local, nil)
		if err != nil || result.Resumed != 0 || result.Digest != treeOf(content) {
			t.Errorf("%+v, %v", result, err)
		}
		if want := size > 5*bs; result.Restarted != want {
			t.Errorf("that it began again is %v", result.Restarted)
		}
		wantContent(t, local, content)
		noParts(t, filepath.Dir(local))
	}
}

// Nor is anything of one that changed and has the same size.
func TestGetRewritten(t *testing.T) {
	content := noise(20 * bs)
	d, r, local := remoteFile(t, content)
	half(t, r, "f", local)
	content[7] ^= 1
	writeFile(t, filepath.Join(d.root, "f"), content)
	result, err := getThrough(t, r, "f", local, nil)
	if err != nil || result.Resumed != 0 || !result.Restarted || result.Digest != treeOf(content) {
		t.Errorf("%+v, %v", result, err)
	}
	wantContent(t, local, content)
	noParts(t, filepath.Dir(local))
}

// A part of another file is not gone on with, and not touched in vain.
func TestGetOfAnother(t *testing.T) {
	content := noise(10 * bs)
	d, r, local := remoteFile(t, content)
	came := half(t, r, "f", local)
	if _, err := getThrough(t, r, "missing", local, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	other := bytesOf(11 * bs)
	writeFile(t, filepath.Join(d.root, "g"), other)
	elsewhere := relayTo(t, d.address)
	if result, err := getThrough(t, elsewhere, "f", local+"2", nil); err != nil || result.Resumed != 0 {
		t.Errorf("%+v, %v", result, err)
	}
	if result, err := getThrough(t, r, "f", local, nil); err != nil || result.Resumed != came {
		t.Errorf("%+v, %v", result, err)
	}
	wantContent(t, local, content)
	local += "3"
	half(t, r, "f", local)
	if result, err := getThrough(t, r, "g", local, nil); err != nil || result.Resumed != 0 || result.Restarted {
		t.Errorf("%+v, %v", result, err)
	}
	wantContent(t, local, other)
	noParts(t, filepath.Dir(local))
}

// flip changes a byte of a file.
func flip(name string, at int64) error {
	b, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	b[at] ^= 1
	return os.WriteFile(name, b, 0o600)
}

// rewriteJournal has change do something to the head and the digests of a
// journal.
func rewriteJournal(name string, change func(o *origin, digests []byte) []byte) error {
	b, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	o, n, err := readHead(bytes.NewReader(b))
	if err != nil {
		return err
	}
	digests := change(&o, b[n:])
	return os.WriteFile(name, append(o.head(), digests...), 0o600)
}

// leftovers are what can become of a part file of two blocks or more, and how
// much of it can be gone on with then.
var leftovers = map[string]struct {
	spoil  func(part, journal string) error
	blocks int64
}{
	"a torn digest": {func(_, journal string) error {
		return rewriteJournal(journal, func(_ *origin, digests []byte) []byte { return digests[:16+7] })
	}, 1},
	"a damaged block after another boot": {func(part, journal string) error {
		err := rewriteJournal(journal, func(o *origin, digests []byte) []byte { o.boot = "before"; return digests })
		return errors.Join(err, flip(part, bs+5))
	}, 1},
	"a block that is not whole": {func(part, _ string) error { return os.Truncate(part, bs+7) }, 1},
	"no part":                   {func(part, _ string) error { return os.Remove(part) }, 0},
	"no journal":                {func(_, journal string) error { return os.Remove(journal) }, 0},
	"another version":           {func(_, journal string) error { return flip(journal, 7) }, 0},
	"an empty journal":          {func(_, journal string) error { return os.Truncate(journal, 0) }, 0},
	"a link": {func(part, _ string) error {
		return errors.Join(os.Rename(part, part+".moved"), os.Symlink(filepath.Base(part)+".moved", part))
	}, 0},
	"two names": {func(part, _ string) error { return os.Link(part, part+".moved") }, 0},
}

// Files that were left in any state are gone on with or replaced, and never
// believed.
func TestGetLeftovers(t *testing.T) {
	content := noise(10 * bs)
	for what, test := range leftovers {
		t.Run(what, func(t *testing.T) {
			_, r, local := remoteFile(t, content)
			for half(t, r, "f", local) < 2*bs {
			}
			part := filepath.Join(filepath.Dir(local), ".f.ftpc-part")
			if err := test.spoil(part, filepath.Join(filepath.Dir(local), ".f.ftpc-journal")); err != nil {
				t.Fatal(err)
			}
			result, err := getThrough(t, r, "f", local, nil)
			if err != nil || result.Resumed != test.blocks*bs || result.Digest != treeOf(content) {
				t.Errorf("%+v, %v", result, err)
			}
			wantContent(t, local, content)
			_ = os.Remove(part + ".moved")
			noParts(t, filepath.Dir(local))
		})
	}
}

// Two runs for one target do not meet in one part file.
func TestGetRace(t *testing.T) {
	content := noise(8 * bs)
	_, r, local := remoteFile(t, content)
	root, err := os.OpenRoot(filepath.Dir(local))
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	came := half(t, r, "f", local)
	other := lockPart(root, "f", true)
	if other == nil {
		t.Skip("this system or directory has no locks that end with their process")
	}
	if lockPart(root, "f", true) != nil {
		t.Fatal("two have the lock")
	}
	result, err := getThrough(t, r, "f", local, nil)
	if err != nil || result.Resumed != 0 {
		t.Errorf("%+v, %v", result, err)
	}
	wantContent(t, local, content)
	other.leave()
	if result, err := getThrough(t, r, "f", local, nil); err != nil || result.Resumed != came {
		t.Errorf("%+v, %v", result, err)
	}
	wantContent(t, local, content)
	noParts(t, filepath.Dir(local))
}

// The large files of a tree are gone on with.
func TestGetTreeResumes(t *testing.T) {
	d := serve(t)
	r := relayTo(t, d.address)
	var size int64
	for _, name := range []string{"a", "b"} {
		writeFile(t, filepath.Join(d.root, name), noise(30*bs))
		size += 30 * bs
	}
	local := filepath.Join(t.TempDir(), "tree")
	get := func(cutAt int64) (resumed, passed int64, err error) {
		r.CutAfter(cutAt, nil)
		c, err := Dial(limit(t), r.Address(), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		var progress counter
		_, err = c.GetTree(limit(t), ".", local, &TransferOptions{Progress: &progress, OnFile: func(e FileEvent) { resumed += e.Result.Resumed }})
		if err == nil && (progress.bytes != progress.moved || progress.moved != size-resumed) {
			t.Errorf("the progress is %+v with %d resumed", progress, resumed)
		}
		return resumed, r.Passed(), err
	}
	if _, _, err := get(25 * bs); !errors.Is(err, ErrNetwork) {
		t.Fatal(err)
	}
	resumed, passed, err := get(0)
	if err != nil || resumed < 20*bs || passed > size-resumed+256<<10 {
		t.Errorf("%d resumed, %d passed, %v", resumed, passed, err)
	}
	for _, name := range []string{"a", "b"} {
		wantContent(t, filepath.Join(local, name), noise(30*bs))
	}
	noParts(t, local)
}

// A get that is called off can be gone on with; one that has failed for what
// changed meanwhile leaves nothing.
func TestGetEndsEarly(t *testing.T) {
	content := bytesOf(9 * bs)
	local := filepath.Join(t.TempDir(), "f")
	ctx, cancel := context.WithCancel(limit(t))
	c := withPeer(t, peerOptions{}, func(p *peer) {
		for _, changes := range []bool{false, true} {
			f := p.expect(protocol.OpGet)
			m := decoded[protocol.Get](p, f)
			p.send(f.Request, metaOfFile(content))
			for block := m.Offset / bs; block < m.Offset/bs+2; block++ {
				p.data(f.Request, block*bs, content[block*bs:][:bs])
			}
			if changes {
				p.fail(f.Request, protocol.Changed)
			} else {
				p.expect(protocol.OpCancel)
				p.fail(f.Request, protocol.Cancelled)
			}
		}
		p.drain()
	})
	blocks := 0
	_, err := c.GetFile(ctx, "f", local, &TransferOptions{Progress: moved(func(int64) {
		if blocks++; blocks == 2 {
			cancel()
		}
	})})
	var resumable *ResumableError
	if !errors.Is(err, context.Canceled) || !errors.As(err, &resumable) || resumable.Size != 2*bs {
		t.Errorf("%v", err)
	}
	if _, err := c.GetFile(limit(t), "f", local, nil); !errors.Is(err, ErrChanged) || errors.As(err, new(*ResumableError)) {
		t.Errorf("%v", err)
	}
	noParts(t, filepath.Dir(local))
}
