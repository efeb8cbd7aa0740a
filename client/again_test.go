package client

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
)

// A put goes on behind what the server has, and tells its progress once.
func TestPutAgain(t *testing.T) {
	content := noise(40*bs + 9)
	for _, cut := range []int64{bs / 2, 5*bs + 1000, 39 * bs} {
		d := serve(t)
		r := relayTo(t, d.address)
		local := filepath.Join(t.TempDir(), "f")
		writeFile(t, local, content)
		var told []Retry
		c := connect(t, r.Address(), &Options{Retries: 1, OnRetry: func(r Retry) { told = append(told, r) }})
		r.CutAfter(cut, func() { go r.CutAfter(0, nil) })
		var progress counter
		result, err := c.PutFile(limit(t), local, "f", &TransferOptions{Progress: &progress})
		if err != nil || result.Resumed != 0 || result.Restarted || result.Digest != treeOf(content) || len(told) != 1 {
			t.Errorf("cut after %d: %+v, %v, told %d times", cut, result, err, len(told))
		}
		if want := (counter{1, int64(len(content)), int64(len(content)), 1}); progress != want {
			t.Errorf("cut after %d: the progress is %+v, and not %+v", cut, progress, want)
		}
		if again := r.Passed() - (int64(len(content)) - cut); again > 6<<20 {
			t.Errorf("%d bytes were sent again", again)
		}
		wantContent(t, filepath.Join(d.root, "f"), content)
	}
}

// The files of a tree that came before a server was killed are not asked for
// again, whichever way they go, and none is told of twice.
func TestTreeAgain(t *testing.T) {
	const files = 300
	content := noise(20 << 10)
	for name, copyTree := range map[string]func(c *Client, there, here string, o *TransferOptions) (Summary, error){
		"get": func(c *Client, there, here string, o *TransferOptions) (Summary, error) {
			return c.GetTree(context.Background(), "tree", here, o)
		},
		"put": func(c *Client, there, here string, o *TransferOptions) (Summary, error) {
			return c.PutTree(context.Background(), here, "tree", o)
		},
	} {
		t.Run(name, func(t *testing.T) {
			root, here := t.TempDir(), t.TempDir()
			there := filepath.Join(root, "tree")
			from, to := there, here
			if name == "put" {
				from, to = here, there
			}
			for i := range files {
				writeFile(t, filepath.Join(makeDir(t, from, fmt.Sprint("d", i%7)), fmt.Sprint("f", i)), content)
			}
			d := serveDir(t, root)
			r := relayTo(t, d.address)
			c := connect(t, r.Address(), &Options{Retries: 5})
			var seen = make(map[string]int)
			r.CutAfter(files*int64(len(content))/2, func() {
				_ = d.process.Kill() // it is waited for at the end
				r.SetTarget(serveDir(t, root).address)
				go r.CutAfter(0, nil)
			})
			summary, err := copyTree(c, there, here, &TransferOptions{Workers: 8, OnFile: func(e FileEvent) { seen[e.Remote]++ }})
			if err != nil || summary.Files != files || len(seen) != files {
				t.Errorf("%+v, %v, %d files", summary, err, len(seen))
			}
			for i := range files {
				path := filepath.Join(fmt.Sprint("d", i%7), fmt.Sprint("f", i))
				wantContent(t, filepath.Join(to, path), content)
				if n := seen["tree/"+filepath.ToSlash(path)]; n != 1 {
					t.Errorf("%s was told of %d times", path, n)
				}
			}
			if passed := r.Passed(); passed > (files/2+30)*int64(len(content)) {
				t.Errorf("%d bytes passed after half had come", passed)
			}
		})
	}
}
