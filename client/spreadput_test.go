package client

import (
	"path/filepath"
	"sync/atomic"
	"testing"
)

// A large file goes over as many connections as there may be, and a small one needs no
// other.
func TestSpreadPut(t *testing.T) {
	for _, test := range []struct{ size, connections, dials int }{
		{0, 4, 1}, {bs, 4, 1}, {pieceSize, 4, 1}, {30*pieceSize + 1, 2, 2}, {250*bs + 7, 4, 4}, {100 * bs, 1, 1},
	} {
		content := noise(test.size)
		d := serve(t)
		local := filepath.Join(t.TempDir(), "f")
		writeFile(t, local, content)
		var dials atomic.Int32
		c := connect(t, d.address, &Options{Connections: test.connections, Dial: counted(&dials)})
		came := 0
		waits := moved(func(n int64) { // with the first piece others are dialled
			if came += int(n); test.dials > 1 {
				waitFor(t, func() bool { return int(dials.Load()) == test.dials })
			}
		})
		if _, err := c.PutFile(limit(t), local, "f", &TransferOptions{Progress: waits}); err != nil {
			t.Error(err)
		}
		var progress counter
		result, err := c.PutFile(limit(t), local, "f", &TransferOptions{Progress: &progress})
		if err != nil || result.Digest != treeOf(content) || result.Size != int64(test.size) || result.ETag == 0 {
			t.Errorf("%+v: %+v, %v", test, result, err)
		}
		if want := (counter{1, int64(test.size), int64(test.size), 1}); progress != want {
			t.Errorf("%+v: the progress is %+v", test, progress)
		}
		if n := int(dials.Load()); n != test.dials || came != test.size {
			t.Errorf("%+v: %d dials, %d bytes", test, n, came)
		}
		wantContent(t, filepath.Join(d.root, "f"), content)
	}
}
