package local

import (
	"os"
	"testing"
)

// TestRemoveWithoutPermission goes on after what it may not remove, and names
// it. A directory that it may not read goes where it is empty.
func TestRemoveWithoutPermission(t *testing.T) {
	dir := reachable(t)
	check(t, os.Chmod(dir, 0o777))
	for _, file := range []string{"/d/a/1", "/d/b/2", "/d/c/3", "/d/z/4"} {
		write(t, dir+file, "x")
	}
	for _, name := range []string{"/d/empty", "/d/a", "/d/b", "/d/c", "/d/z", "/d"} {
		check(t, os.MkdirAll(dir+name, 0o755))
		give(t, dir+name)
	}
	restrict(t, dir+"/d/b", 0)
	restrict(t, dir+"/d/empty", 0)
	asNobody(t, func() {
		s := open(t, dir, Options{NoSync: true})
		wantLeft(t, s, `"d/b": permission denied`, "d", "d/b")
	})
	restrict(t, dir+"/d/b", 0o555)
	asNobody(t, func() {
		s := open(t, dir, Options{NoSync: true})
		wantLeft(t, s, `"d/b/2": permission denied`, "d", "d/b", "d/b/2")
	})
}
