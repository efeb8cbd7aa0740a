//go:build linux

package apt

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// system puts programs of these names, and their scripts, before all others.
// Each adds its arguments to the file calls of the directory returned.
func system(t *testing.T, scripts map[string]string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, script := range scripts {
		text := "#!/bin/sh\necho \"" + name + " $*\" >> " + dir + "/calls\n" + script
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	return dir
}

// fetches is apt-get that knows one package once its lists are there.
const fetches = `
case "$*" in
*update*) : > "$(dirname "$0")/lists" ;;
*known) test -e "$(dirname "$0")/lists" || { echo E: no lists >&2; exit 100; }
	for a; do case $a in Dir::Cache=*) : > "${a#Dir::Cache=}/archives/known_1%3a2.3-4_amd64.deb" ;; esac; done ;;
*) echo "E: Unable to locate package" >&2; exit 100 ;;
esac`

// extracts is dpkg -x PACKAGE DIR.
const extracts = `mkdir -p "$3/usr/bin" && : > "$3/usr/bin/known"`

func TestRoot(t *testing.T) {
	dir := system(t, map[string]string{"apt-get": fetches, "dpkg": extracts})
	c := New(filepath.Join(t.TempDir(), "cache"), t.Logf)
	for range 2 {
		root, err := c.Root(t.Context(), "known")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(root, "usr/bin/known")); err != nil {
			t.Error(err)
		}
	}
	if got := c.Version(t.Context(), "known"); got != "1:2.3-4" {
		t.Errorf("version %q", got)
	}
	calls, err := os.ReadFile(filepath.Join(dir, "calls"))
	if err != nil {
		t.Fatal(err)
	}
	// In vain, then for new lists, then again; and nothing when it is wanted a second time.
	if n := strings.Count(string(calls), "apt-get "); n != 3 {
		t.Errorf("%d calls:\n%s", n, calls)
	}
}

func TestUnknownPackage(t *testing.T) {
	system(t, map[string]string{"apt-get": fetches, "dpkg": extracts, "dpkg-query": "exit 1"})
	c := New(t.TempDir(), t.Logf)
	if _, err := c.Root(t.Context(), "other"); err == nil || !strings.Contains(err.Error(), "Unable to locate package") {
		t.Errorf("error %v", err)
	}
	if got := c.Version(t.Context(), "other"); got != "" {
		t.Errorf("version %q", got)
	}
}

func TestNothingFetched(t *testing.T) {
	system(t, map[string]string{"apt-get": "exit 0"})
	if _, err := New(t.TempDir(), t.Logf).Root(t.Context(), "x"); err == nil || !strings.Contains(err.Error(), "installed already") {
		t.Errorf("error %v", err)
	}
}

func TestBrokenPackageIsUnpackedAgain(t *testing.T) {
	dir := system(t, map[string]string{"apt-get": fetches, "dpkg": `test -e "$(dirname "$0")/whole" && ` + extracts})
	c := New(t.TempDir(), t.Logf)
	if _, err := c.Root(t.Context(), "known"); err == nil {
		t.Error("no error")
	}
	if err := os.WriteFile(filepath.Join(dir, "whole"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Root(t.Context(), "known"); err != nil {
		t.Error(err)
	}
}

func TestInstalledVersion(t *testing.T) {
	system(t, map[string]string{"dpkg-query": "echo 9.1"})
	if got := New(t.TempDir(), t.Logf).Version(t.Context(), "x"); got != "9.1" {
		t.Errorf("version %q", got)
	}
}
