//go:build unix

package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"ftpd/client"
)

// rivals is how many clients race for one path, each with a connection of its own.
const rivals = 100

// race is a server and the clients that race on it.
type race struct {
	*daemon
	clients []*client.Client
}

func newRace(t *testing.T, flags ...string) *race {
	t.Helper()
	r := &race{daemon: run(t, t.TempDir(), flags...)}
	for range rivals {
		r.clients = append(r.clients, dial(t, r.address))
	}
	return r
}

// all has every client do something at the same time, and returns what each says.
func (r *race) all(do func(i int, c *client.Client) error) []error {
	return atOnce(len(r.clients), func(i int) error { return do(i, r.clients[i]) })
}

// atOnce does something n times at the same time, and returns what became of each.
func atOnce(n int, do func(i int) error) []error {
	said := make([]error, n)
	start := make(chan struct{})
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() {
			<-start
			said[i] = do(i)
		})
	}
	close(start)
	group.Wait()
	return said
}

// version is what client i puts: a file that shows by its length and by each byte
// whose it is.
func version(i, size int) []byte { return bytes.Repeat([]byte{byte(i)}, size+i) }

// isVersion tells whose version a content is, whole. That of a client has one of the
// sizes.
func isVersion(content []byte, sizes ...int) (i int, whole bool) {
	if len(content) == 0 {
		return 0, false
	}
	i = int(content[0])
	return i, bytes.Equal(content, version(i, sizes[i%len(sizes)]))
}

// together is a reader that ends when all others have come to their ends, so that
// every upload is begun before one can be stored.
type together struct {
	io.Reader
	come *sync.WaitGroup
	once sync.Once
}

func (r *together) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	if errors.Is(err, io.EOF) {
		r.once.Do(r.come.Done)
		r.come.Wait()
	}
	return n, err
}

// way is how a version travels.
type way struct {
	name string
	size int
	file bool // from a local file: what came of it could be gone on with
}

var ways = []way{
	{"small", 20 << 10, false},
	{"one block", 200 << 10, false},
	{"staged", 600 << 10, false},
	{"resumable", 600 << 10, true},
}

// putAll has every client put its version, under the same conditions, with whatever
// can come before the storing done before any of them is stored.
func (r *race) putAll(way way, path string, o client.PutOptions) []error {
	dir := r.t.TempDir()
	var come sync.WaitGroup
	come.Add(rivals)
	return r.all(func(i int, c *client.Client) error {
		content := version(i, way.size)
		if way.file {
			name := filepath.Join(dir, strconv.Itoa(i))
			if err := os.WriteFile(name, content, 0o600); err != nil {
				return err
			}
			come.Done()
			come.Wait()
			_, err := c.PutFile(r.t.Context(), name, path, &client.TransferOptions{CreateOnly: o.CreateOnly, IfMatch: o.IfMatch})
			return err
		}
		mine := o
		mine.Size = int64(len(content))
		_, err := c.Put(r.t.Context(), path, &together{Reader: bytes.NewReader(content), come: &come}, &mine)
		return err
	})
}

// wantOne fails unless exactly one client won, the others were told why not, and
// the path holds the winner's version.
func (r *race) wantOne(said []error, lost error, way way, path string) {
	r.t.Helper()
	winner := -1
	for i, err := range said {
		switch {
		case err == nil && winner >= 0:
			r.t.Errorf("%d and %d won", winner, i)
		case err == nil:
			winner = i
		case !errors.Is(err, lost):
			r.t.Errorf("%d lost with: %v", i, err)
		}
	}
	content, err := os.ReadFile(filepath.Join(r.root, path))
	if err != nil {
		r.t.Fatal(err)
	}
	if i, whole := isVersion(content, way.size); !whole || i != winner {
		r.t.Errorf("%d won, and %d bytes of %d are there, whole %v", winner, len(content), i, whole)
	}
}

// Of 100 clients that make a file, one does.
func TestRaceCreateOnly(t *testing.T) {
	r := newRace(t)
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			path := "new/" + way.name
			r.wantOne(r.putAll(way, path, client.PutOptions{CreateOnly: true}), client.ErrExists, way, path)
		})
	}
	r.wantTidy("new/small", "new/one block", "new/staged", "new/resumable")
}

// Of 100 clients that make 16 files, each all of them together, one makes each.
func TestRaceInBatches(t *testing.T) {
	const files, size = 16, 4 << 10
	r := newRace(t)
	var mu sync.Mutex
	won := map[int][]int{} // who made which file
	for i, err := range r.all(func(i int, c *client.Client) error {
		return errors.Join(atOnce(files, func(file int) error {
			path := fmt.Sprintf("new/%d", file)
			_, err := c.Put(t.Context(), path, bytes.NewReader(version(i, size)), &client.PutOptions{CreateOnly: true})
			if errors.Is(err, client.ErrExists) {
				return nil
			}
			mu.Lock()
			won[file] = append(won[file], i)
			mu.Unlock()
			return err
		})...)
	}) {
		if err != nil {
			t.Errorf("client %d: %v", i, err)
		}
	}
	for file := range files {
		content, err := os.ReadFile(filepath.Join(r.root, "new", strconv.Itoa(file)))
		if i, whole := isVersion(content, size); !whole || err != nil || len(won[file]) != 1 || won[file][0] != i {
			t.Errorf("file %d was made by %v, and is that of %d, whole %v, %v", file, won[file], i, whole, err)
		}
	}
}

// Of 100 clients that replace the same version, one does.
func TestRaceIfMatch(t *testing.T) {
	r := newRace(t)
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			first, err := r.clients[0].Put(t.Context(), "f", strings.NewReader("first"), nil)
			if err != nil {
				t.Fatal(err)
			}
			r.wantOne(r.putAll(way, "f", client.PutOptions{IfMatch: first.ETag}), client.ErrChanged, way, "f")
		})
	}
	r.wantTidy("f")
}

func (r *race) wantTidy(names ...string) {
	r.t.Helper()
	eventually(r.t, "the tidying up", func() bool { return len(litter(r.t, r.root, names...)) == 0 })
}

// Of 100 clients that make one file of the same local one, whose part each could go on
// with, one does.
func TestRaceOfOneSource(t *testing.T) {
	r := newRace(t)
	const size = 600 << 10
	local := filepath.Join(t.TempDir(), "local")
	if err := os.WriteFile(local, version(7, size), 0o600); err != nil {
		t.Fatal(err)
	}
	won := 0
	for i, err := range r.all(func(_ int, c *client.Client) error {
		_, err := c.PutFile(t.Context(), local, "f", &client.TransferOptions{CreateOnly: true})
		return err
	}) {
		switch {
		case err == nil:
			won++
		case !errors.Is(err, client.ErrExists):
			t.Errorf("%d lost with: %v", i, err)
		}
	}
	content, err := os.ReadFile(filepath.Join(r.root, "f"))
	if _, whole := isVersion(content, size); !whole || won != 1 || err != nil {
		t.Errorf("%d won, and %d bytes are there, %v", won, len(content), err)
	}
	r.wantTidy("f")
}

// A counter that 100 clients raise by one each, reading it and replacing what they
// read, loses nothing: its versions look alike but for one digit, and have one time.
func TestRaceCounter(t *testing.T) {
	for _, durability := range []string{"none", "commit"} {
		for name, mtime := range map[string]time.Time{"now": {}, "the same time": time.Unix(1e9, 0)} {
			t.Run(durability+", "+name, func(t *testing.T) {
				r := newRace(t, "--durability", durability)
				put(t, r.clients[0], "counter", "000000")
				for i, err := range r.all(func(_ int, c *client.Client) error { return increment(t.Context(), c, mtime) }) {
					if err != nil {
						t.Fatalf("client %d: %v", i, err)
					}
				}
				if got := get(t, r.clients[0], "counter"); got != fmt.Sprintf("%06d", rivals) {
					t.Errorf("it counted to %s", got)
				}
				r.wantTidy("counter")
			})
		}
	}
}

// increment raises the counter once.
func increment(ctx context.Context, c *client.Client, mtime time.Time) error {
	for {
		var text bytes.Buffer
		read, err := c.Get(ctx, "counter", &text, nil)
		if errors.Is(err, client.ErrChanged) {
			continue
		}
		if err != nil {
			return err
		}
		n, err := strconv.Atoi(text.String())
		if err != nil {
			return err
		}
		next := strings.NewReader(fmt.Sprintf("%06d", n+1))
		_, err = c.Put(ctx, "counter", next, &client.PutOptions{IfMatch: read.ETag, Mtime: mtime})
		if !errors.Is(err, client.ErrChanged) {
			return err
		}
	}
}
