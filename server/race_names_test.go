//go:build unix

package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"ftpd/client"
)

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
			for i, err := range r.putAll(way, "f", client.PutOptions{}) {
				if err != nil {
					t.Errorf("client %d: %v", i, err)
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
				for round := range 10 {
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
		for range 8 {
			if i%4 == 0 {
				if _, err := c.RemoveAll(t.Context(), "deep"); err != nil && !errors.Is(err, client.ErrNotFound) {
					return err
				}
				continue
			}
			if err := errors.Join(atOnce(4, func(n int) error { // so that the server takes them together
				path := fmt.Sprintf("deep/er/%d/f%d", i%10, n%2)
				_, err := c.Put(t.Context(), path, bytes.NewReader(version(i, []int{100, 100 << 10}[i%2])), nil)
				return err
			})...); err != nil {
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
