package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"ftpd/protocol"
)

// counted dials, and counts how often.
func counted(dials *atomic.Int32) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		dials.Add(1)
		return new(net.Dialer).DialContext(ctx, network, address)
	}
}

// A large file comes over as many connections as there may be, whatever becomes of
// one of them, and a small one needs no other.
func TestSpread(t *testing.T) {
	for _, test := range []struct{ size, connections, dials int }{
		{0, 4, 1}, {bs, 4, 1}, {pieceSize, 4, 1}, {pieceSize + 1, 2, 2}, {100*bs + 7, 4, 4}, {100 * bs, 1, 1},
	} {
		content := noise(test.size)
		d, _, local := remoteFile(t, content)
		var dials atomic.Int32
		c := connect(t, d.address, &Options{Connections: test.connections, Dial: counted(&dials)})
		var progress counter
		came := 0
		waits := moved(func(n int64) { // behind the first piece others are dialled
			if came += int(n); came > pieceSize {
				waitFor(t, func() bool { return int(dials.Load()) == test.dials })
			}
		})
		if _, err := c.GetFile(limit(t), "f", local, &TransferOptions{Progress: waits}); err != nil {
			t.Error(err)
		}
		result, err := c.GetFile(limit(t), "f", local, &TransferOptions{Progress: &progress})
		if err != nil || result.Digest != treeOf(content) || result.Size != int64(test.size) {
			t.Errorf("%+v: %+v, %v", test, result, err)
		}
		if want := (counter{1, int64(test.size), int64(test.size), 1}); progress != want {
			t.Errorf("%+v: the progress is %+v", test, progress)
		}
		if n := int(dials.Load()); n != test.dials {
			t.Errorf("%+v: %d dials", test, n)
		}
		wantContent(t, local, content)
		noParts(t, filepath.Dir(local))
	}
}

// A range that begins and ends anywhere has the same bytes and the same digest over
// any number of connections.
func TestSpreadRange(t *testing.T) {
	content := noise(60*bs + 5)
	d, _, _ := remoteFile(t, content)
	const offset, length = 3*bs + 17, 50*bs + 3
	var digests []protocol.Digest
	for _, connections := range []int{1, 3} {
		c := connect(t, d.address, &Options{Connections: connections})
		var got bytes.Buffer
		result, err := c.Get(limit(t), "f", &got, &GetOptions{Offset: offset, Length: length})
		if err != nil || !bytes.Equal(got.Bytes(), content[offset:offset+length]) {
			t.Errorf("%d bytes over %d, %v", got.Len(), connections, err)
		}
		digests = append(digests, result.Digest)
	}
	if digests[0] != digests[1] {
		t.Errorf("%v", digests)
	}
}

// Where the connections are cut again and again, what each had brought in vain is
// asked for once more, and no other.
func TestSpreadIsCut(t *testing.T) {
	content := noise(200*bs + 7)
	_, r, local := remoteFile(t, content)
	c := connect(t, r.Address(), &Options{Connections: 3, Retries: 3})
	var cuts atomic.Int32
	var cut func()
	cut = func() {
		if cuts.Add(1) < 3 {
			go r.CutAfter(60*bs, cut)
		} else {
			go r.CutAfter(0, nil)
		}
	}
	r.CutAfter(60*bs, cut)
	result, err := c.GetFile(limit(t), "f", local, nil)
	if err != nil || result.Digest != treeOf(content) || result.Resumed != 0 || cuts.Load() != 3 {
		t.Errorf("%+v, %v, after %d cuts", result, err, cuts.Load())
	}
	wantContent(t, local, content)
	noParts(t, filepath.Dir(local))
}

// What came over several connections is gone on with over one, and the reverse.
func TestSpreadResumes(t *testing.T) {
	content := noise(100 * bs)
	for _, connections := range [][2]int{{3, 1}, {1, 3}} {
		_, r, local := remoteFile(t, content)
		r.CutAfter(70*bs, nil)
		resumable := new(ResumableError)
		_, err := connect(t, r.Address(), &Options{Connections: connections[0]}).GetFile(limit(t), "f", local, nil)
		if !errors.As(err, &resumable) {
			t.Fatal(err)
		}
		r.CutAfter(0, nil)
		result, err := connect(t, r.Address(), &Options{Connections: connections[1]}).GetFile(limit(t), "f", local, nil)
		if err != nil || result.Resumed != resumable.Size || result.Resumed < 10*bs || result.Digest != treeOf(content) {
			t.Errorf("%+v, %v", result, err)
		}
		wantContent(t, local, content)
	}
}

// A connection that the server has no room for is done without.
func TestSpreadWithoutRoom(t *testing.T) {
	content := noise(100 * bs)
	root := t.TempDir()
	writeFile(t, filepath.Join(root, "f"), content)
	d := serveDir(t, root, "--max-clients", "1")
	c := connect(t, d.address, &Options{Connections: 3})
	var got bytes.Buffer
	if result, err := c.Get(limit(t), "f", &got, nil); err != nil || result.Digest != treeOf(content) {
		t.Errorf("%+v, %v", result, err)
	}
}

// A file that changes while pieces of it come is no mixture.
func TestSpreadChanges(t *testing.T) {
	content := noise(100 * bs)
	d, _, local := remoteFile(t, content)
	c := connect(t, d.address, &Options{Connections: 2})
	var once atomic.Bool
	_, err := c.GetFile(limit(t), "f", local, &TransferOptions{Progress: moved(func(int64) {
		if once.CompareAndSwap(false, true) {
			if err := os.Truncate(filepath.Join(d.root, "f"), 99*bs); err != nil {
				t.Error(err)
			}
		}
	})})
	if !errors.Is(err, ErrChanged) {
		t.Error(err)
	}
	noParts(t, filepath.Dir(local))
}

// The files of a tree are spread over the connections, whichever way they go.
func TestSpreadTree(t *testing.T) {
	const files = 500
	content := noise(1000)
	d := serve(t)
	from, to := t.TempDir(), t.TempDir()
	for i := range files {
		writeFile(t, filepath.Join(from, fmt.Sprint(i)), content)
	}
	var dials atomic.Int32
	c := connect(t, d.address, &Options{Connections: 3, Dial: counted(&dials)})
	if s, err := c.PutTree(limit(t), from, "tree", nil); err != nil || s.Files != files {
		t.Errorf("%+v, %v", s, err)
	}
	if s, err := c.GetTree(limit(t), "tree", to, nil); err != nil || s.Files != files {
		t.Errorf("%+v, %v", s, err)
	}
	if n := dials.Load(); n != 3 {
		t.Errorf("%d dials", n)
	}
	for i := range files {
		wantContent(t, filepath.Join(to, fmt.Sprint(i)), content)
	}
}
