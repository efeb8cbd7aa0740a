//go:build unix

package local

import (
	"testing"

	"ftpd/server/storage"
	"ftpd/server/storage/storagetest"
)

func TestConformance(t *testing.T) {
	storagetest.Run(t, func(t *testing.T) storage.Storage { return open(t, t.TempDir(), Options{}) })
}

func TestConformanceWithoutSync(t *testing.T) {
	storagetest.Run(t, func(t *testing.T) storage.Storage { return open(t, t.TempDir(), Options{NoSync: true}) })
}

// open opens a store that is closed with the test, if not before.
func open(t testing.TB, dir string, options Options) *Store {
	t.Helper()
	s, err := Open(dir, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}
