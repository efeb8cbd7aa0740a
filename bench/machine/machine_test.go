//go:build linux

package machine

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDescribe(t *testing.T) {
	for _, part := range []string{" processors; Linux ", "; go"} {
		if got := Describe(); !strings.Contains(got, part) {
			t.Errorf("%q does not hold %q", got, part)
		}
	}
	if Memory() < 1<<20 {
		t.Errorf("%d bytes of memory", Memory())
	}
}

func TestMountedAt(t *testing.T) {
	const mounts = "a / ext4 rw\nb /dev tmpfs rw\nc /dev/shm tmpfs rw\nd /data xfs rw\ne /data zfs rw\nbroken\n"
	for dir, want := range map[string]string{"/": "ext4", "/dev/shm/x": "tmpfs", "/database": "ext4", "/data/x": "zfs"} {
		if got := mountedAt(mounts, dir); got != want {
			t.Errorf("%s is on %s, want %s", dir, got, want)
		}
	}
	if got := mountedAt("", "/"); got != "unknown file system" {
		t.Errorf("without mounts: %s", got)
	}
}

func TestFirstValue(t *testing.T) {
	path := filepath.Join(t.TempDir(), "info")
	if err := os.WriteFile(path, []byte("other: 1\nmodel name\t: A B \nmodel name: C\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := firstValue(path, "model name", "none"); got != "A B" {
		t.Errorf("%q", got)
	}
	if got := firstValue(path, "missing", "none"); got != "none" {
		t.Errorf("%q", got)
	}
	if got := firstValue(path+"x", "model name", "none"); got != "none" {
		t.Errorf("no file: %q", got)
	}
}
