//go:build unix

package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ftpd/client"
	"ftpd/server/storage/homes"
	"ftpd/server/storage/local"
)

const quotaBytes = 4 << 20

// serveHome serves a home with a quota, and returns its directory.
func serveHome(t *testing.T, quota homes.Quota) (address, dir string) {
	t.Helper()
	root := t.TempDir()
	h, err := homes.Open(root, homes.Options{Options: local.Options{NoSync: true, Logger: quiet}, Make: true})
	if err != nil {
		t.Fatal(err)
	}
	store, release, err := h.Acquire("ann", quota)
	if err != nil {
		t.Fatal(err)
	}
	s, err := listen(Config{Logger: quiet, Selector: asked(t), Identity: inside(t)}, netip.MustParseAddrPort("127.0.0.1:0"), store, admission{})
	if err != nil {
		t.Fatal(err)
	}
	s.closeAll = h.Close
	t.Cleanup(release)
	t.Cleanup(serve(t, s))
	return s.Address().String(), filepath.Join(root, "ann")
}

// usage counts what a home holds, what is left of uploads among it.
func usage(t *testing.T, dir string) (used local.Amount) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		own := strings.Contains(path, "/.ftpd-")
		switch {
		case err != nil:
			return err
		case path == dir || own && (entry.IsDir() || strings.HasSuffix(path, ".lock")):
			return nil
		}
		info, err := entry.Info()
		if err == nil && info.Mode().IsRegular() {
			used.Bytes += info.Size()
		}
		used.Files++
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return used
}

// After all that many clients have done, of which much had no room and some was broken off,
// there is just as much room as the files leave.
func TestQuotaOfManyClients(t *testing.T) {
	address, dir := serveHome(t, homes.Quota{Bytes: quotaBytes})
	refused := make([]int, 16)
	atOnce(len(refused), func(i int) error {
		random := rand.New(rand.NewPCG(1, uint64(i)))
		c, err := client.Dial(t.Context(), address, dialing(client.Options{Connections: 1 + i%3}))
		if err != nil {
			t.Error(err)
			return nil
		}
		defer c.Close()
		for range 40 {
			err := actOn(t.Context(), c, random)
			switch {
			case errors.Is(err, client.ErrQuota):
				refused[i]++
			case err != nil && !errors.Is(err, client.ErrNotFound) && !errors.Is(err, client.ErrIsDirectory) && !errors.Is(err, errBroken):
				t.Error(err)
			}
		}
		return nil
	})
	sum := 0
	for _, n := range refused {
		sum += n
	}
	if sum == 0 {
		t.Error("nothing was refused")
	}
	c := dial(t, address)
	// What was broken off is given back soon after its client has gone.
	eventually(t, "a file of what room is left", func() bool {
		room := quotaBytes - usage(t, dir).Bytes
		if room < 0 {
			t.Fatalf("%d bytes more than the quota are stored", -room)
		}
		_, err := c.Put(t.Context(), "last", bytes.NewReader(make([]byte, room)), nil)
		return err == nil
	})
	if _, err := c.Put(t.Context(), "more", strings.NewReader("x"), nil); !errors.Is(err, client.ErrQuota) {
		t.Errorf("a byte more: %v", err)
	}
}

var errBroken = errors.New("the source broke off")

func actOn(ctx context.Context, c *client.Client, random *rand.Rand) error {
	path := fmt.Sprint("d", random.IntN(4), "/f", random.IntN(4))
	content := make([]byte, random.IntN(1<<20))
	switch random.IntN(9) {
	case 0:
		_, err := c.RemoveAll(ctx, filepath.Dir(path))
		return err
	case 1:
		return c.Remove(ctx, path)
	case 2:
		return c.Rename(ctx, path, fmt.Sprint("d", random.IntN(4), "/f", random.IntN(4)), nil)
	case 3: // of unknown size
		_, err := c.Put(ctx, path, io.MultiReader(bytes.NewReader(content)), nil)
		return err
	case 4: // of unknown size, and broken off
		_, err := c.Put(ctx, path, io.MultiReader(bytes.NewReader(content), broken{}), nil)
		return err
	case 5, 6:
		return putFile(ctx, c, path, content)
	default:
		_, err := c.Put(ctx, path, bytes.NewReader(content[:len(content)%5000]), nil)
		return err
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errBroken }

// putFile puts a file that may come over several connections, and be gone on with.
func putFile(ctx context.Context, c *client.Client, path string, content []byte) error {
	file, err := os.CreateTemp("", "quota")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	if _, err := file.Write(content); err != nil {
		return err
	}
	_, err = c.PutFile(ctx, file.Name(), path, nil)
	return err
}

// Of a hundred clients that put a file each, as many succeed as there is room for.
func TestQuotaRace(t *testing.T) {
	address, dir := serveHome(t, homes.Quota{Files: 10})
	said := atOnce(rivals, func(i int) error {
		c, err := client.Dial(t.Context(), address, dialing(client.Options{}))
		if err != nil {
			return err
		}
		defer c.Close()
		_, err = c.Put(t.Context(), fmt.Sprint("f", i), strings.NewReader("content"), nil)
		return err
	})
	stored := 0
	for _, err := range said {
		switch {
		case err == nil:
			stored++
		case !errors.Is(err, client.ErrQuota):
			t.Error(err)
		}
	}
	if used := usage(t, dir); stored != 10 || used.Files != 10 {
		t.Errorf("%d were stored, and %+v is there, where 10 files are allowed", stored, used)
	}
}

// A file of unknown size is stopped before its end.
func TestQuotaInMidStream(t *testing.T) {
	address, dir := serveHome(t, homes.Quota{Bytes: quotaBytes})
	c := dial(t, address)
	_, err := c.Put(t.Context(), "endless", endless{}, nil)
	if !errors.Is(err, client.ErrQuota) {
		t.Errorf("%v; want %v", err, client.ErrQuota)
	}
	if used := usage(t, dir); used != (local.Amount{}) {
		t.Errorf("%+v is there", used)
	}
	if err := c.Mkdir(t.Context(), "d", 0); err != nil {
		t.Error(err)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }
