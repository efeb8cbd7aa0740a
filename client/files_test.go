package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"ftpd/protocol"
)

// sizes are where a transfer takes another way.
var sizes = []int{0, 1, 4096, joinBelow, protocol.ControlBuffer / 2, bs - 1, bs, bs + 1, 2 * bs, 3*bs + 7}

func noise(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(n), byte(n >> 8)})
	_, _ = r.Read(b)
	return b
}

// Whatever is put comes back, by every way to put it and in every range.
func TestSizes(t *testing.T) {
	d := serve(t)
	c := connect(t, d.address, nil)
	for _, size := range append(sizes, 5*bs+rand.IntN(bs), rand.IntN(bs)) {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			ctx := limit(t)
			content := noise(size)
			name := fmt.Sprintf("dir/%d", size)
			mtime := time.Unix(1e9, 123456789)
			for way, r := range map[string]io.Reader{
				"known":   bytes.NewReader(content),
				"unknown": io.MultiReader(bytes.NewReader(content)),
				"buffer":  bytes.NewBuffer(bytes.Clone(content)),
			} {
				p, err := c.Put(ctx, name, r, &PutOptions{Mode: 0o604, Mtime: mtime})
				if err != nil || p.Size != int64(size) || p.Digest != treeOf(content) {
					t.Fatalf("%s: %+v, %v", way, p, err)
				}
				var back bytes.Buffer
				g, err := c.Get(ctx, name, &back, nil)
				if err != nil || !bytes.Equal(back.Bytes(), content) {
					t.Fatalf("%s: %d bytes, %v", way, back.Len(), err)
				}
				if g.Size != int64(size) || g.Digest != p.Digest || g.ETag != p.ETag || g.Mode != 0o604 || !g.Mtime.Equal(mtime) {
					t.Errorf("%s: put %+v, got %+v", way, p, g)
				}
			}
			if s, err := c.Sum(ctx, name); err != nil || s.Size != int64(size) || s.Digest != treeOf(content) {
				t.Error(s, err)
			}
			checkRanges(t, c, name, content)
		})
	}
}

func checkRanges(t *testing.T, c *Client, name string, content []byte) {
	t.Helper()
	size := int64(len(content))
	for range 20 {
		offset, length := rand.Int64N(size+2), rand.Int64N(size+2)
		want := content[min(offset, size):]
		if length > 0 {
			want = want[:min(length, int64(len(want)))]
		}
		var back bytes.Buffer
		result, err := c.Get(limit(t), name, &back, &GetOptions{Offset: offset, Length: length})
		if err != nil || !bytes.Equal(back.Bytes(), want) || result.Size != int64(len(want)) {
			t.Errorf("range %d+%d: %d bytes and not %d, %v", offset, length, back.Len(), len(want), err)
		}
	}
	if _, err := c.Get(limit(t), name, io.Discard, &GetOptions{IfMatch: 1}); !errors.Is(err, ErrChanged) {
		t.Errorf("with another etag: %v", err)
	}
}

// Files keep their bytes, modes and times both ways; setuid does not travel.
func TestFiles(t *testing.T) {
	d := serve(t)
	c := connect(t, d.address, nil)
	local := t.TempDir()
	mtime := time.Unix(1234567890, 5e8)
	for _, size := range sizes {
		ctx := limit(t)
		name := filepath.Join(local, fmt.Sprint(size))
		content := noise(size)
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(name, 0o750|fs.ModeSetuid|fs.ModeSetgid); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(name, mtime, mtime); err != nil {
			t.Fatal(err)
		}
		var put, got counter
		var event FileEvent
		if _, err := c.PutFile(ctx, name, fmt.Sprint("a/b/", size), &TransferOptions{Progress: &put, OnFile: func(e FileEvent) { event = e }}); err != nil {
			t.Fatal(err)
		}
		if event.Local != name || event.Remote != fmt.Sprint("a/b/", size) || event.Result.Size != int64(size) {
			t.Errorf("the event is %+v", event)
		}
		back := filepath.Join(local, fmt.Sprint("back", size))
		if err := os.WriteFile(back, []byte("what was there before"), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := c.GetFile(ctx, fmt.Sprint("a/b/", size), back, &TransferOptions{Progress: &got}); err != nil {
			t.Fatal(err)
		}
		info, err := os.Lstat(back)
		if read, _ := os.ReadFile(back); err != nil || !bytes.Equal(read, content) {
			t.Errorf("%d bytes came back of %d: %v", len(read), size, err)
		}
		if info.Mode() != 0o750 || !info.ModTime().Equal(mtime) {
			t.Errorf("mode %v and time %v came back", info.Mode(), info.ModTime())
		}
		want := counter{1, int64(size), int64(size), 1}
		if put != want || got != want {
			t.Errorf("progress of %d bytes: %+v, %+v", size, put, got)
		}
	}
	noParts(t, local)
}

// counter is a Progress; the tests that read it do so when all is done.
type counter struct{ files, bytes, moved, done int64 }

var counting sync.Mutex

func (c *counter) Expect(files int, n int64) {
	counting.Lock()
	defer counting.Unlock()
	c.files += int64(files)
	c.bytes += n
}

func (c *counter) Moved(n int64) {
	counting.Lock()
	defer counting.Unlock()
	c.moved += n
}

func (c *counter) Done(n int) {
	counting.Lock()
	defer counting.Unlock()
	c.done += int64(n)
}

// noParts checks that no part file is left below a directory.
func noParts(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if strings.Contains(path, ".ftpc-") {
			t.Errorf("%s is left", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// A local failure is told from a remote one though both wrap the same cause.
func TestLocalAndRemote(t *testing.T) {
	d := serve(t)
	c := connect(t, d.address, nil)
	dir := t.TempDir()
	there := filepath.Join(dir, "there")
	if err := os.WriteFile(there, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(d.root, "remote"), []byte("y"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx := limit(t)
	get := func(remote, local string, o *TransferOptions) error {
		_, err := c.GetFile(ctx, remote, local, o)
		return err
	}
	put := func(local, remote string, o *TransferOptions) error {
		_, err := c.PutFile(ctx, local, remote, o)
		return err
	}
	only := &TransferOptions{CreateOnly: true}
	for i, test := range []struct {
		err   error
		local bool
		want  error
	}{
		{get("missing", there, nil), false, fs.ErrNotExist},
		{get("remote", filepath.Join(dir, "no", "dir"), nil), true, fs.ErrNotExist},
		{get("remote", dir, nil), true, syscall.EISDIR},
		{get("remote", there, only), true, fs.ErrExist},
		{get(".", filepath.Join(dir, "x"), nil), false, ErrIsDirectory},
		{put(filepath.Join(dir, "missing"), "a", nil), true, fs.ErrNotExist},
		{put(dir, "a", nil), true, syscall.EISDIR},
		{put(there, "remote", only), false, fs.ErrExist},
		{put(there, "../out", nil), false, ErrInvalid},
		{put(there, "remote/below", nil), false, ErrNotDirectory},
	} {
		var local *LocalError
		var remote *Error
		if !errors.Is(test.err, test.want) || errors.As(test.err, &local) != test.local || errors.As(test.err, &remote) == test.local {
			t.Errorf("%d: %v", i, test.err)
		}
	}
	if content, err := os.ReadFile(there); err != nil || string(content) != "x" {
		t.Errorf("what was there is %q, %v", content, err)
	}
	if err := get("remote", filepath.Join(dir, "new"), only); err != nil {
		t.Error(err)
	}
	noParts(t, dir)
}

// A symbolic link that the user names is followed, a device written itself.
func TestGetFileTargets(t *testing.T) {
	d := serve(t)
	if err := os.WriteFile(filepath.Join(d.root, "a"), []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := connect(t, d.address, nil)
	dir := t.TempDir()
	target, link := filepath.Join(dir, "target"), filepath.Join(dir, "link")
	if err := os.WriteFile(target, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	if _, err := c.GetFile(limit(t), "a", link, nil); err != nil {
		t.Fatal(err)
	}
	if content, err := os.ReadFile(target); err != nil || string(content) != "new" {
		t.Errorf("behind the link is %q, %v", content, err)
	}
	fifo := filepath.Join(dir, "fifo")
	makePipe(t, fifo)
	read := make(chan string)
	go func() {
		content, _ := os.ReadFile(fifo)
		read <- string(content)
	}()
	if _, err := c.GetFile(limit(t), "a", fifo, nil); err != nil {
		t.Fatal(err)
	}
	if got := <-read; got != "new" {
		t.Errorf("through the pipe came %q", got)
	}
	if info, err := os.Lstat(fifo); err != nil || info.Mode()&fs.ModeNamedPipe == 0 {
		t.Errorf("the pipe is %v, %v", info.Mode(), err)
	}
	go func() { _ = os.WriteFile(fifo, noise(bs+1), 0) }()
	if r, err := c.PutFile(limit(t), fifo, "b", nil); err != nil || r.Size != bs+1 {
		t.Errorf("from the pipe: %+v, %v", r, err)
	}
}

// makePipe makes a named pipe. Package syscall has no way that every Unix has.
func makePipe(t *testing.T, name string) {
	t.Helper()
	if out, err := exec.Command("mkfifo", name).CombinedOutput(); err != nil {
		t.Skipf("no named pipe can be made here: %v, %s", err, out)
	}
}

// A file that is written to while it is put is not stored.
func TestPutFileChanges(t *testing.T) {
	d := serve(t)
	c := connect(t, d.address, nil)
	for name, change := range map[string]func(f *os.File) error{
		"grows":   func(f *os.File) error { _, err := f.WriteAt([]byte("x"), 4*bs); return err },
		"shrinks": func(f *os.File) error { return f.Truncate(3*bs + 5) },
		"rewritten": func(f *os.File) error {
			if _, err := f.WriteAt([]byte("x"), 1); err != nil {
				return err
			}
			return os.Chtimes(f.Name(), time.Unix(1, 0), time.Unix(1, 0)) // the clock may be too coarse to show it
		},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := os.Create(filepath.Join(t.TempDir(), "f"))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if _, err := f.Write(noise(4 * bs)); err != nil {
				t.Fatal(err)
			}
			var once sync.Once
			_, err = c.PutFile(limit(t), f.Name(), name, &TransferOptions{Progress: moved(func(int64) {
				once.Do(func() {
					if err := change(f); err != nil {
						t.Error(err)
					}
				})
			})})
			var local *LocalError
			if !errors.Is(err, ErrChanged) || !errors.As(err, &local) || local.Path != f.Name() {
				t.Errorf("%v", err)
			}
			if _, err := c.Stat(limit(t), name); !errors.Is(err, ErrNotFound) {
				t.Errorf("it was stored: %v", err)
			}
		})
	}
}

// A server that dies is a failure of the network, and leaves no part file.
func TestServerDies(t *testing.T) {
	for _, way := range []string{"get", "put", "get tree", "put tree"} {
		t.Run(way, func(t *testing.T) {
			dir := t.TempDir()
			d := serve(t)
			if err := os.WriteFile(filepath.Join(d.root, "big"), make([]byte, 64<<20), 0o600); err != nil {
				t.Fatal(err)
			}
			c := connect(t, d.address, nil)
			var once sync.Once
			o := &TransferOptions{Progress: moved(func(int64) { once.Do(func() { _ = d.process.Kill() }) })}
			var err error
			switch way {
			case "get":
				_, err = c.GetFile(limit(t), "big", filepath.Join(dir, "big"), o)
			case "put":
				_, err = c.PutFile(limit(t), filepath.Join(d.root, "big"), "copy", o)
			case "put tree":
				_, err = c.PutTree(limit(t), d.root, "copy", o)
			case "get tree":
				_, err = c.GetTree(limit(t), ".", filepath.Join(dir, "tree"), o)
			}
			if !errors.Is(err, ErrNetwork) || errors.Is(err, ErrSomeFailed) {
				t.Error(err)
			}
			if _, err := c.Stat(limit(t), "big"); !errors.Is(err, ErrNetwork) {
				t.Errorf("then: %v", err)
			}
			if _, ok := errors.AsType[*ResumableError](err); !ok {
				t.Errorf("it cannot be resumed: %v", err)
			}
		})
	}
}

// Nothing listens there.
func TestDialFails(t *testing.T) {
	if _, err := Dial(limit(t), "127.0.0.1:1", nil); !errors.Is(err, ErrNetwork) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Dial(ctx, "127.0.0.1:1", nil); !errors.Is(err, context.Canceled) || errors.Is(err, ErrNetwork) {
		t.Error(err)
	}
	for in, want := range map[string]string{
		"host": "host:2120", "host:1": "host:1", "::1": "[::1]:2120", "[::1]": "[::1]:2120", "[::1]:5": "[::1]:5",
	} {
		if got := withPort(in); got != want {
			t.Errorf("%s is %s, and not %s", in, got, want)
		}
	}
}
