package storage

import (
	"errors"
	"strings"
	"testing"
)

func TestParsePathAccepts(t *testing.T) {
	name := strings.Repeat("n", maxName)
	for _, test := range []struct {
		raw  string
		want Path
	}{
		{"", Root},
		{".", Root},
		{"./", Root},
		{"././/.", Root},
		{"a", "a"},
		{"a/b", "a/b"},
		{"a/", "a"},
		{"a//b", "a/b"},
		{"a/./b", "a/b"},
		{"./a", "a"},
		{"a//./b/", "a/b"},
		{".hidden", ".hidden"},
		{"a/.hidden/b", "a/.hidden/b"},
		{"..a", "..a"},
		{"...", "..."},
		{"a..", "a.."},
		{".ftpd", ".ftpd"},
		{"ftpd-staging", "ftpd-staging"},
		{"-rf", "-rf"},
		{" ", " "},
		{"a\nb", "a\nb"},
		{"a\\b", "a\\b"},
		{"\xff\xfe", "\xff\xfe"},
		{name, Path(name)},
		{"a/" + name + "//", Path("a/" + name)},
	} {
		got, err := ParsePath(test.raw)
		if err != nil || got != test.want {
			t.Errorf("ParsePath(%q) = %q, %v; want %q", test.raw, got, err, test.want)
		}
	}
}

func TestParsePathRefuses(t *testing.T) {
	for _, raw := range []string{
		"..", "../a", "a/..", "a/../b", "a/../../b", "./..", "../../etc/passwd",
		"/", "/etc/passwd", "//a",
		"\x00", "a\x00", "a/\x00/b",
		".ftpd-", ".ftpd-staging", ".ftpd-staging/x", "a/.ftpd-x", "a//.ftpd-x/", "./.ftpd-x/b",
		strings.Repeat("n", maxName+1), "a/" + strings.Repeat("n", maxName+1), strings.Repeat("n", maxName+1) + "/./a",
		strings.Repeat("a/", maxPath/2) + "b",
	} {
		if got, err := ParsePath(raw); !errors.Is(err, ErrInvalid) || got != "" {
			t.Errorf("ParsePath(%.40q) = %.40q, %v; want ErrInvalid", raw, got, err)
		}
	}
}

func TestParsePathLongest(t *testing.T) {
	raw := strings.Repeat("a/", maxPath/2-1) + "bb"
	if got, err := ParsePath(raw); err != nil || string(got) != raw {
		t.Errorf("a path of %d bytes: %v", len(raw), err)
	}
}

func FuzzParsePath(f *testing.F) {
	for _, seed := range []string{"", ".", "a/b", "a//./b/", "../a", "/a", "a\x00", ".ftpd-x", "a/.ftpd-/b", "..a/...", "\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		path, err := ParsePath(raw)
		if err != nil {
			if !errors.Is(err, ErrInvalid) || path != "" {
				t.Fatalf("ParsePath(%q) = %q, %v", raw, path, err)
			}
			return
		}
		if again, err := ParsePath(string(path)); err != nil || again != path {
			t.Fatalf("ParsePath(%q) = %q, which is parsed as %q, %v", raw, path, again, err)
		}
		checkCanonical(t, path)
	})
}

func checkCanonical(t *testing.T, path Path) {
	if path == Root {
		return
	}
	for name := range strings.SplitSeq(string(path), "/") {
		if name == "" || name == "." || name == ".." || len(name) > maxName ||
			strings.HasPrefix(name, Reserved) || strings.ContainsRune(name, 0) {
			t.Fatalf("%q has the component %q", path, name)
		}
	}
	if last := path[strings.LastIndexByte(string(path), '/')+1:]; path.Dir().Join(string(last)) != path {
		t.Fatalf("Dir and Join do not rebuild %q", path)
	}
}

func TestPathDirAndJoin(t *testing.T) {
	for _, test := range []struct{ path, dir Path }{
		{Root, Root}, {"a", Root}, {"a/b", "a"}, {"a/b/c", "a/b"},
	} {
		if got := test.path.Dir(); got != test.dir {
			t.Errorf("%q.Dir() = %q, want %q", test.path, got, test.dir)
		}
	}
	if got := Root.Join("a"); got != "a" {
		t.Errorf("Root.Join(a) = %q", got)
	}
	if got := Path("a").Join("b"); got != "a/b" {
		t.Errorf("a.Join(b) = %q", got)
	}
}

func BenchmarkParsePath(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParsePath("photos/2024/summer/img_0001.jpg"); err != nil {
			b.Fatal(err)
		}
	}
}
