package client

import (
	"fmt"
	"testing"
	"time"
)

// A directory that is used again and again stays open, however many others are
// used once; and of those few do.
func TestLocalDirsStayOpen(t *testing.T) {
	base := t.TempDir()
	dirs, err := openLocalDirs(base, keepOpen)
	if err != nil {
		t.Fatal(err)
	}
	defer dirs.finish(func(_ string, err error) { t.Error(err) })
	use := func(path string) *localDir {
		if err := dirs.make(path, Info{Mode: 0o700, Mtime: time.Unix(1e9, 0)}); err != nil {
			t.Fatal(err)
		}
		dir, err := dirs.use(path)
		if err != nil {
			t.Fatal(err)
		}
		dirs.release(dir)
		return dir
	}
	first := use("busy")
	for i := range 5 * keepOpen {
		use(fmt.Sprint(i))
		if use("busy") != first {
			t.Fatalf("it was closed when %d others had been opened", i+1)
		}
	}
	if n := len(dirs.open); n > keepOpen+1 {
		t.Errorf("%d directories are open", n)
	}
}
