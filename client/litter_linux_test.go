package client

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// What a killed process has left in a tree goes with the next get, and what somebody may
// be at stays.
func TestSweepParts(t *testing.T) {
	dead := exec.Command("true")
	if err := dead.Run(); err != nil {
		t.Fatal(err)
	}
	number := func(space uint64, pid int) uint64 { return space<<48 | uint64(pid)<<24 | 7 }
	here, elsewhere := processSpace(), processSpace()^1
	old, young := time.Now().Add(-25*time.Hour), time.Now().Add(-time.Hour)
	cases := []struct {
		name  string
		mtime time.Time
		goes  bool
	}{
		{fmt.Sprintf(".dead.ftpc-%016x", number(here, dead.Process.Pid)), young, true},
		{fmt.Sprintf(".alive.ftpc-%016x", number(here, os.Getpid())), old, false},
		{fmt.Sprintf(".elsewhere.ftpc-%016x", number(elsewhere, dead.Process.Pid)), young, false},
		{fmt.Sprintf(".forgotten.ftpc-%016x", number(elsewhere, os.Getpid())), old, true},
		{".x.ftpc-part", old, false},
		{".x.ftpc-journal", old, false},
		{fmt.Sprintf("visible.ftpc-%016x", number(here, dead.Process.Pid)), old, false},
		{fmt.Sprintf(".short.ftpc-%015x", 1), old, false},
	}
	d := serve(t)
	local := t.TempDir()
	for _, dir := range []string{"", "sub"} {
		for _, root := range []string{d.root, local} {
			if err := os.MkdirAll(filepath.Join(root, dir), 0o777); err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range cases {
			path := filepath.Join(local, dir, c.name)
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chtimes(path, c.mtime, c.mtime); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := connect(t, d.address, nil).GetTree(limit(t), ".", local, nil); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"", "sub"} {
		for _, c := range cases {
			if _, err := os.Lstat(filepath.Join(local, dir, c.name)); (err != nil) != c.goes {
				t.Errorf("%s in %q: %v", c.name, dir, err)
			}
		}
	}
}

// The number that a part file gets is that of this process.
func TestPartNumber(t *testing.T) {
	long := time.Now().Add(1000 * time.Hour)
	info, err := os.Stat(".")
	if err != nil {
		t.Fatal(err)
	}
	one, other := partNumber(), partNumber()
	if isLitter(one, info, long) || one == other {
		t.Errorf("%016x, %016x", one, other)
	}
}
