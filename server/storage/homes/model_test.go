//go:build unix

package homes

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"ftpd/server/storage"
	"ftpd/server/storage/local"
)

// TestBooks does at random what many users of one home do at the same time, of which much is
// refused for want of room, and compares the books with a count. At no time is more stored
// than the quota allows.
func TestBooks(t *testing.T) {
	seeds := 40
	if testing.Short() {
		seeds = 8
	}
	for seed := range uint64(seeds) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			quota := Quota{Bytes: 3000, Files: 25}
			h := open(t, t.TempDir(), Options{})
			s := acquire(t, h, "ann", quota)
			a := accountOf(t, h, s)
			var group sync.WaitGroup
			for n := range uint64(8) {
				group.Go(func() {
					u := user{storage: s, random: rand.New(rand.NewPCG(seed, n)), id: n}
					for range 60 {
						u.act(t)
						wantWithin(t, a, quota)
					}
					u.end()
				})
			}
			group.Wait()
			wantBooks(t, s, a)
		})
	}
}

func wantWithin(t *testing.T, a *account, quota Quota) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stored.Bytes > quota.Bytes || a.stored.Files > quota.Files {
		t.Errorf("%+v is stored, of %+v", a.stored, quota)
	}
	if a.stored.Bytes+a.held.Bytes > 2*quota.Bytes {
		t.Errorf("%+v is stored and %+v held, of %+v", a.stored, a.held, quota)
	}
}

// user does one thing after another, some of which it leaves unfinished for a while.
type user struct {
	storage storage.Storage
	random  *rand.Rand
	id      uint64
	open    []*upload
}

// upload is a file in the making.
type upload struct {
	storage.Staging
	path    storage.Path
	joined  storage.Joined // nil where blocks are written to the staging file
	size    int64          // negative is unknown
	written int64
}

const modelBlock = 64

var acts = []func(*user, *testing.T) error{
	(*user).batch, (*user).batch, (*user).begin, (*user).begin, (*user).write, (*user).write, (*user).write,
	(*user).finish, (*user).finish, (*user).giveUp, (*user).remove, (*user).rename, (*user).mkdir,
}

// act does something. Only what cannot happen fails the test.
func (u *user) act(t *testing.T) {
	err := acts[u.random.IntN(len(acts))](u, t)
	for _, may := range []error{
		nil, storage.ErrQuota, fs.ErrNotExist, fs.ErrExist, storage.ErrChanged, storage.ErrIsDirectory,
		storage.ErrNotDirectory, storage.ErrNotEmpty, storage.ErrInvalid, fs.ErrClosed,
	} {
		if err == nil || errors.Is(err, may) {
			return
		}
	}
	t.Error(err)
}

func (u *user) path() storage.Path {
	names := []string{"a", "b", "c", "d/a", "d/b", "d/e/a", "d/e/b", "f/a"}
	return storage.Path(names[u.random.IntN(len(names))])
}

func (u *user) options() storage.CreateOptions {
	return storage.CreateOptions{Parents: u.random.IntN(4) > 0, CreateOnly: u.random.IntN(4) == 0}
}

func (u *user) batch(*testing.T) (err error) {
	files := make([]storage.Whole, 1+u.random.IntN(4))
	for i := range files {
		content := strings.Repeat("x", u.random.IntN(400))
		files[i] = storage.Whole{Path: u.path(), Content: []byte(content), CreateOptions: u.options()}
		files[i].Size = int64(len(content))
	}
	for _, stored := range u.storage.StoreEach(files) {
		if !errors.Is(stored.Err, storage.ErrQuota) && stored.Err != nil {
			err = stored.Err
		}
	}
	return err
}

func (u *user) begin(*testing.T) error {
	if len(u.open) >= 3 {
		return nil
	}
	o := u.options()
	o.Size = int64(u.random.IntN(800))
	switch u.random.IntN(4) {
	case 0:
		o.Size = -1
	case 1, 2: // a part of which may have been left
		o.Resume = storage.Resume{Source: 1 + u.id, Version: u.random.Uint64N(2), Block: modelBlock}
		o.Size = 200 + 50*int64(u.id)
		o.Shared = u.random.IntN(2) == 0
	}
	path := u.path()
	for _, up := range u.open {
		if up.path == path && o.Resume.Source != 0 {
			return nil // it would wait for that one
		}
	}
	st, err := u.storage.Create(path, o)
	if err != nil {
		return err
	}
	up := &upload{Staging: st, path: path, size: o.Size}
	digests, _ := st.Marked()
	up.written = int64(len(digests)) * modelBlock
	if st.Shared() {
		if up.joined, err = u.storage.Join(path, o); err != nil {
			return errors.Join(err, st.Abort())
		}
	}
	u.open = append(u.open, up)
	return nil
}

func (u *user) some() *upload {
	if len(u.open) == 0 {
		return nil
	}
	return u.open[u.random.IntN(len(u.open))]
}

func (u *user) drop(up *upload) {
	for i := range u.open {
		if u.open[i] == up {
			u.open = append(u.open[:i], u.open[i+1:]...)
			return
		}
	}
}

// write writes a block.
func (u *user) write(*testing.T) error {
	up := u.some()
	if up == nil || up.written == up.size {
		return nil
	}
	p := make([]byte, modelBlock)
	if up.size >= 0 {
		p = p[:min(modelBlock, up.size-up.written)]
	}
	block, digest := up.written/modelBlock, storage.Digest{1}
	var err error
	if up.joined != nil {
		err = up.joined.WriteBlock(block, p, digest)
	} else if _, err = up.WriteAt(p, up.written); err == nil {
		err = up.Mark(block, digest)
	}
	if err == nil {
		up.written += int64(len(p))
		return nil
	}
	u.drop(up)
	return errors.Join(err, up.Abort())
}

// finish writes the rest and commits.
func (u *user) finish(t *testing.T) error {
	up := u.some()
	for up != nil && up.size >= 0 && up.written < up.size {
		p := make([]byte, min(modelBlock, up.size-up.written))
		if _, err := up.WriteAt(p, up.written); err != nil {
			u.drop(up)
			return errors.Join(err, up.Abort())
		}
		up.written += int64(len(p))
	}
	if up == nil {
		return nil
	}
	u.drop(up)
	_, err := up.Commit(storage.Attributes{})
	return err
}

func (u *user) giveUp(*testing.T) error {
	up := u.some()
	if up == nil {
		return nil
	}
	u.drop(up)
	if u.random.IntN(2) == 0 {
		return up.Abort()
	}
	return up.Leave()
}

func (u *user) end() {
	for _, up := range u.open {
		_ = up.Leave()
	}
}

func (u *user) remove(*testing.T) error {
	path := u.path()
	recursive := u.random.IntN(3) == 0
	if recursive {
		path = path.Dir()
	}
	_, err := u.storage.Remove(context.Background(), path, recursive)
	return err
}

func (u *user) rename(*testing.T) error {
	from, to := u.path(), u.path()
	if u.random.IntN(4) == 0 {
		from, to = from.Dir(), to.Dir().Join("moved")
	}
	return u.storage.Rename(from, to, storage.RenameOptions{Parents: u.random.IntN(2) == 0, NoReplace: u.random.IntN(3) == 0})
}

func (u *user) mkdir(*testing.T) error {
	return u.storage.Mkdir(u.path().Dir(), 0, u.random.IntN(2) == 0)
}

// Whoever is first gets what room there is, and nobody more.
func TestRaceForTheLastFiles(t *testing.T) {
	for name, put := range map[string]func(s storage.Storage, path storage.Path) error{
		"at once": func(s storage.Storage, path storage.Path) error {
			return s.StoreEach([]storage.Whole{{Path: path, Content: []byte("x"), CreateOptions: storage.CreateOptions{Size: 1}}})[0].Err
		},
		"staged": func(s storage.Storage, path storage.Path) error { return put(s, path, "x", storage.CreateOptions{}) },
		"size unknown": func(s storage.Storage, path storage.Path) error {
			_, err := storage.Store(s, &storage.Whole{Path: path, Content: []byte("x"), CreateOptions: storage.CreateOptions{Size: -1}})
			return err
		},
		"directories": func(s storage.Storage, path storage.Path) error { return s.Mkdir(path, 0, false) },
	} {
		for limit, quota := range map[string]Quota{"files": {Files: 15}, "bytes": {Bytes: 15}} {
			if name == "directories" && limit == "bytes" {
				continue // they take none
			}
			t.Run(name+" "+limit, func(t *testing.T) {
				h := open(t, t.TempDir(), Options{})
				s := acquire(t, h, "ann", quota)
				for i := range 5 {
					check(t, put(s, storage.Path(fmt.Sprint("old", i))))
				}
				errs := make([]error, 100)
				var group sync.WaitGroup
				for i := range errs {
					group.Go(func() { errs[i] = put(s, storage.Path(fmt.Sprint("new", i))) })
				}
				group.Wait()
				stored := 0
				for _, err := range errs {
					if err == nil {
						stored++
						continue
					}
					wantError(t, "one too many", err, storage.ErrQuota)
				}
				if stored != 10 {
					t.Errorf("%d of 100 were stored, where there was room for 10", stored)
				}
				a := accountOf(t, h, s)
				wantBooks(t, s, a)
				if used := local.Amount(quota); limit == "files" && a.stored.Files != used.Files || limit == "bytes" && a.stored.Bytes != used.Bytes {
					t.Errorf("%+v is stored, of %+v", a.stored, quota)
				}
			})
		}
	}
}
