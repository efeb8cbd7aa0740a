package client

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"ftpd/internal/trial"
	"ftpd/protocol"
)

// window is what may be on its way, and lost, when a connection ends: what the
// client has queued and what sockets and server hold.
const window = 8 << 20

// putThrough puts a file through a relay, over a connection of its own.
func putThrough(t *testing.T, r *trial.Relay, local, remote string, o *TransferOptions) (Result, error) {
	t.Helper()
	c, err := Dial(limit(t), r.Address(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.PutFile(limit(t), local, remote, o)
}

// halfPut puts the first part of a file, until the connection is cut.
func halfPut(t *testing.T, r *trial.Relay, local, remote string, bytes int64) {
	t.Helper()
	r.CutAfter(bytes, nil)
	_, err := putThrough(t, r, local, remote, nil)
	var resumable *ResumableError
	if !errors.Is(err, ErrNetwork) || !errors.As(err, &resumable) {
		t.Fatalf("%v", err)
	}
	r.CutAfter(0, nil)
}

// localFileOf makes a file here, and a server behind a relay.
func localFileOf(t *testing.T, content []byte) (d *daemon, r *trial.Relay, local string) {
	t.Helper()
	d = serve(t)
	local = filepath.Join(t.TempDir(), "f")
	writeFile(t, local, content)
	return d, relayTo(t, d.address), local
}

// A put that was cut off goes on behind the last block that the server has.
func TestPutResumes(t *testing.T) {
	const size = 80*bs + 1
	content := noise(size)
	d, r, local := localFileOf(t, content)
	halfPut(t, r, local, "dir/f", 60*bs)
	if _, err := os.Lstat(filepath.Join(d.root, "dir")); err == nil {
		t.Error("a part can be seen")
	}
	var progress counter
	result, err := putThrough(t, r, local, "dir/f", &TransferOptions{Progress: &progress})
	if err != nil || result.Resumed < 60*bs-window || result.Resumed%bs != 0 || result.Restarted || result.Size != size {
		t.Fatalf("%+v, %v", result, err)
	}
	if rest := size - result.Resumed; r.Passed() > rest+64<<10 || progress != (counter{1, rest, rest, 1}) {
		t.Errorf("%d bytes passed for the last %d, and the progress is %+v", r.Passed(), rest, progress)
	}
	remote := filepath.Join(d.root, "dir", "f")
	wantContent(t, remote, content)
	if info, err := os.Stat(remote); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	c := connect(t, d.address, nil)
	if sum, err := c.Sum(limit(t), "dir/f"); err != nil || sum.Digest != treeOf(content) {
		t.Errorf("%+v, %v", sum, err)
	}
	if result, err := c.PutFile(limit(t), local, "dir/f", nil); err != nil || result.Resumed != 0 || result.Digest != treeOf(content) {
		t.Errorf("once more: %+v, %v", result, err)
	}
}

// What is cut off again and again arrives in the end, also where nothing but END
// was missing.
func TestPutResumesAgain(t *testing.T) {
	const size = 100 * bs
	content := noise(size)
	d, r, local := localFileOf(t, content)
	var all int64
	cuts := 0
	for ; ; cuts++ {
		r.CutAfter(int64(13+cuts%7)*bs, nil)
		_, err := putThrough(t, r, local, "f", nil)
		all += min(r.Passed(), int64(13+cuts%7)*bs)
		if err == nil {
			break
		}
		if cuts > 100 {
			t.Fatal("it does not come to an end")
		}
	}
	wantContent(t, filepath.Join(d.root, "f"), content)
	t.Logf("%d cuts, %.1f %% sent again", cuts, 100*float64(all-size)/size)
}

// Of a source that changed, nothing is kept.
func TestPutChanged(t *testing.T) {
	content := noise(70 * bs)
	for what, change := range map[string]func(name string) error{
		"rewritten": func(name string) error {
			info, err := os.Stat(name)
			content[5] ^= 1
			return errors.Join(err, os.WriteFile(name, content, 0o600), os.Chtimes(name, time.Time{}, info.ModTime()))
		},
		"another size": func(name string) error {
			content = content[:69*bs]
			return os.WriteFile(name, content, 0o600)
		},
	} {
		t.Run(what, func(t *testing.T) {
			d, r, local := localFileOf(t, content)
			halfPut(t, r, local, "f", 50*bs)
			if err := change(local); err != nil {
				t.Fatal(err)
			}
			result, err := putThrough(t, r, local, "f", nil)
			if err != nil || result.Resumed != 0 || !result.Restarted || result.Digest != treeOf(content) {
				t.Errorf("%+v, %v", result, err)
			}
			wantContent(t, filepath.Join(d.root, "f"), content)
		})
	}
}

// Another file, another path, and what is no file of its own begin anew.
func TestPutOfAnother(t *testing.T) {
	content := noise(60 * bs)
	d, r, local := localFileOf(t, content)
	halfPut(t, r, local, "f", 50*bs)
	copied := local + "2"
	writeFile(t, copied, content)
	for what, put := range map[string]func() (Result, error){
		"another source": func() (Result, error) { return putThrough(t, r, copied, "f", nil) },
		"another path":   func() (Result, error) { return putThrough(t, r, local, "g", nil) },
	} {
		if result, err := put(); err != nil || result.Resumed != 0 || result.Restarted {
			t.Errorf("%s: %+v, %v", what, result, err)
		}
	}
	if result, err := putThrough(t, r, local, "f", nil); err != nil || result.Resumed == 0 {
		t.Errorf("the same: %+v, %v", result, err)
	}
	wantContent(t, filepath.Join(d.root, "f"), content)
	wantContent(t, filepath.Join(d.root, "g"), content)
}

// The large files of a tree are gone on with.
func TestPutTreeResumes(t *testing.T) {
	d := serve(t)
	r := relayTo(t, d.address)
	local := t.TempDir()
	for _, name := range []string{"a", "b"} {
		writeFile(t, filepath.Join(local, name), noise(60*bs))
	}
	put := func() (resumed int64, err error) {
		c, err := Dial(limit(t), r.Address(), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_, err = c.PutTree(limit(t), local, "t", &TransferOptions{OnFile: func(e FileEvent) { resumed += e.Result.Resumed }})
		return resumed, err
	}
	r.CutAfter(100*bs, nil)
	if _, err := put(); !errors.Is(err, ErrNetwork) {
		t.Fatal(err)
	}
	r.CutAfter(0, nil)
	if resumed, err := put(); err != nil || resumed < 100*bs-2*window {
		t.Errorf("%d resumed, %v", resumed, err)
	}
	for _, name := range []string{"a", "b"} {
		wantContent(t, filepath.Join(d.root, "t", name), noise(60*bs))
	}
}

// A server that says it has what it was never given, or more than there is, is
// not believed.
func TestPutHonestReady(t *testing.T) {
	local := filepath.Join(t.TempDir(), "f")
	writeFile(t, local, noise(2*bs+1))
	f, err := os.Open(local)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for what, test := range map[string]struct {
		offset uint64
		put    func(c *Client) error
	}{
		"more than there is": {3 * bs, func(c *Client) error { _, err := c.PutFile(limit(t), local, "f", nil); return err }},
		"no source":          {bs, func(c *Client) error { _, err := c.Put(limit(t), "f", f, nil); return err }},
	} {
		c := withPeer(t, peerOptions{}, func(p *peer) {
			f := p.expect(protocol.OpPut)
			m := decoded[protocol.Put](p, f)
			if (m.Source != 0) != (what == "more than there is") {
				t.Errorf("%s: the source is %x", what, m.Source)
			}
			p.send(f.Request, protocol.Ready{Offset: test.offset, Digest: protocol.Digest{1}})
			p.drain()
		})
		if err := test.put(c); !errors.Is(err, ErrProtocol) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
