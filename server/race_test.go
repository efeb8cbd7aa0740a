//go:build unix

package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
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
	said := make([]error, len(r.clients))
	start := make(chan struct{})
	var group sync.WaitGroup
	for i, c := range r.clients {
		group.Go(func() {
			<-start
			said[i] = do(i, c)
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

// Whoever is last wins, and who reads meanwhile gets one version, whole, by an etag
// that no other version has.
func TestRaceLastWins(t *testing.T) {
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			r := newRace(t, "--durability", "none")
			if _, err := r.clients[0].Put(t.Context(), "f", bytes.NewReader(version(0, way.size)), nil); err != nil {
				t.Fatal(err)
			}
			stop := r.readers("f", []int{way.size})
			for range 2 {
				for i, err := range r.putAll(way, "f", client.PutOptions{}) {
					if err != nil {
						t.Errorf("client %d: %v", i, err)
					}
				}
			}
			stop()
			content, err := os.ReadFile(filepath.Join(r.root, "f"))
			if _, whole := isVersion(content, way.size); !whole || err != nil {
				t.Errorf("in the end there are %d bytes, %v", len(content), err)
			}
			r.wantTidy("f")
		})
	}
}

// readers get a path again and again until they are stopped. Some errors are allowed.
func (r *race) readers(path string, sizes []int, allowed ...error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	var mu sync.Mutex
	versions := map[uint64]int{}
	for range 4 {
		c := dial(r.t, r.address)
		group.Go(func() {
			for ctx.Err() == nil {
				var b bytes.Buffer
				got, err := c.Get(ctx, path, &b, nil)
				if err != nil {
					isAllowed := slices.ContainsFunc(allowed, func(target error) bool { return errors.Is(err, target) })
					if ctx.Err() == nil && !isAllowed {
						r.t.Errorf("get: %v", err)
					}
					continue
				}
				i, whole := isVersion(b.Bytes(), sizes...)
				mu.Lock()
				if other, seen := versions[got.ETag]; !whole || seen && other != i {
					r.t.Errorf("%d bytes of %d came, whole %v; that etag was the one of %d: %v", b.Len(), i, whole, other, seen)
				}
				versions[got.ETag] = i
				mu.Unlock()
			}
		})
	}
	return func() {
		cancel()
		group.Wait()
	}
}

// Files and directories that are made, removed and renamed away under one name: what
// was made is what went and what is there, and nothing fails but for what another did.
func TestRaceForAName(t *testing.T) {
	for _, durability := range []string{"none", "commit"} {
		t.Run(durability, func(t *testing.T) {
			r := newRace(t, "--durability", durability)
			stop := r.readers("name", nameSizes, client.ErrNotFound, client.ErrChanged, client.ErrIsDirectory)
			defer stop()
			var mu sync.Mutex
			there := 0
			for i, err := range r.all(func(i int, c *client.Client) error {
				for round := range 30 {
					change, err := r.change(i, round, c)
					if err != nil {
						return err
					}
					mu.Lock()
					there += change
					mu.Unlock()
				}
				return nil
			}) {
				if err != nil {
					t.Errorf("client %d: %v", i, err)
				}
			}
			left := 0
			if _, err := os.Lstat(filepath.Join(r.root, "name")); err == nil {
				left = 1
			}
			if there != left {
				t.Errorf("%d were made more than went, and there are %d", there, left)
			}
		})
	}
}

// nameSizes are those of the versions of each five clients, of which two put any.
var nameSizes = []int{100, 600 << 10, 0, 0, 0}

// change makes or takes away what has the name, and returns 1, -1 or, where another
// came first, 0.
func (r *race) change(i, round int, c *client.Client) (int, error) {
	ctx := r.t.Context()
	became := 1
	var err error
	var allowed error
	switch what := i % 5; what {
	case 0, 1:
		_, err = c.Put(ctx, "name", bytes.NewReader(version(i, nameSizes[what])), &client.PutOptions{CreateOnly: true})
		allowed = client.ErrExists
	case 2:
		err, allowed = c.Mkdir(ctx, "name", []fs.FileMode{0, 0o750}[round%2]), client.ErrExists
	case 3:
		err, allowed, became = c.Remove(ctx, "name"), client.ErrNotFound, -1
	case 4:
		err = c.Rename(ctx, "name", fmt.Sprintf("away-%d-%d", i, round), nil)
		allowed, became = client.ErrNotFound, -1
	}
	if errors.Is(err, allowed) {
		return 0, nil
	}
	return became, err
}

// Files are put into a directory that others remove with all it holds: each finds or
// makes its directory, and none is lost but by a removal, which never fails for them.
func TestRaceForADirectory(t *testing.T) {
	r := newRace(t, "--durability", "none")
	for i, err := range r.all(func(i int, c *client.Client) error {
		for range 20 {
			var err error
			if i%4 == 0 {
				_, err = c.RemoveAll(t.Context(), "deep")
			} else {
				path := fmt.Sprintf("deep/er/%d/f", i%10)
				_, err = c.Put(t.Context(), path, bytes.NewReader(version(i, []int{100, 600 << 10}[i%2])), nil)
			}
			if err != nil && !(i%4 == 0 && errors.Is(err, client.ErrNotFound)) {
				return err
			}
		}
		return nil
	}) {
		if err != nil {
			t.Errorf("client %d: %v", i, err)
		}
	}
}
