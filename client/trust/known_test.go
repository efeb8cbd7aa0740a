package trust

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	keyA = Fingerprint("SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	keyB = Fingerprint("SHA256:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE")
)

func TestParseFingerprint(t *testing.T) {
	for in, want := range map[string]Fingerprint{
		string(keyA):                        keyA,
		string(keyB) + "=":                  keyB,
		"":                                  "",
		"SHA256:":                           "",
		"sha256:AAAA":                       "",
		"SHA256:AAAA":                       "",
		string(keyA) + "AA":                 "",
		string(keyA[:49]) + "B":             "", // bits that no byte has
		"SHA256:" + strings.Repeat("-", 43): "",
	} {
		got, err := ParseFingerprint(in)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
}

func TestKnown(t *testing.T) {
	file := filepath.Join(t.TempDir(), "known")
	text := "# mine\n\nHost.Example:2120  " + string(keyA) + "\n[::1]:1 " + string(keyB) // no end of line
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	known, err := LoadKnown(file)
	if err != nil {
		t.Fatal(err)
	}
	if key, line, ok := known.Lookup("HOST.example:2120"); key != keyA || line != 3 || !ok {
		t.Errorf("%q, %d, %v", key, line, ok)
	}
	if err := known.Add(t.Context(), "new:1", keyA); err != nil {
		t.Fatal(err)
	}
	if err := known.Add(t.Context(), "new:1", keyA); err != nil {
		t.Errorf("the same again: %v", err)
	}
	changed, ok := errors.AsType[*ChangedError](known.Add(t.Context(), "new:1", keyB))
	if !ok || *changed != (ChangedError{Address: "new:1", Want: keyA, Shown: keyB, File: file, Line: 5}) {
		t.Errorf("%+v", changed)
	}
	if err := known.Remove(t.Context(), "host.example:2120"); err != nil {
		t.Error(err)
	}
	if err := known.Remove(t.Context(), "host.example:2120"); !errors.Is(err, ErrNotKnown) {
		t.Errorf("%v", err)
	}
	if key, line, ok := known.Lookup("new:1"); key != keyA || line != 4 || !ok {
		t.Errorf("%q, %d, %v", key, line, ok)
	}
	got, err := os.ReadFile(file)
	want := "# mine\n\n[::1]:1 " + string(keyB) + "\nnew:1 " + string(keyA) + "\n"
	if string(got) != want || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// A line that cannot be read is named, and nothing is known then.
func TestBrokenKnown(t *testing.T) {
	for text, want := range map[string]string{
		"h:1\n":                          "line 1: a line is HOST:PORT and SHA256:KEY",
		"\nh:1 " + string(keyA) + " x\n": "line 2: a line is HOST:PORT and SHA256:KEY",
		"h:1 SHA256:x\n":                 `line 1: "SHA256:x" is no fingerprint: behind SHA256: come 43 characters of base64`,
		"h:1 " + string(keyA) + "\n#\nH:1 " + string(keyB) + "\n": `line 3: "h:1" is on line 1 already`,
		"h:1 " + string(keyA) + "\nh:1 " + string(keyA) + "\n":    `line 2: "h:1" is on line 1 already`,
	} {
		file := filepath.Join(t.TempDir(), "known")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		known, err := LoadKnown(file)
		if known != nil || err == nil || !strings.HasSuffix(err.Error(), want) || !strings.Contains(err.Error(), file) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// FuzzKnown holds that what is read can be added to and taken from, whatever else is there.
func FuzzKnown(f *testing.F) {
	f.Add([]byte("# a\nh:1 " + string(keyA) + "\n"))
	f.Add([]byte("h:1 SHA256:x"))
	f.Fuzz(func(t *testing.T, text []byte) {
		entries, err := parseKnown(text)
		if err != nil {
			return
		}
		file := filepath.Join(t.TempDir(), "known")
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		known, err := LoadKnown(file)
		if err != nil {
			t.Fatal(err)
		}
		const address = "added.example:1"
		if _, there := entries[address]; there {
			return
		}
		if err := errors.Join(known.Add(t.Context(), address, keyA), known.Remove(t.Context(), address)); err != nil {
			t.Fatal(err)
		}
		again, err := LoadKnown(file)
		if err != nil || len(again.entries) != len(entries) {
			t.Fatalf("%d of %d entries, %v", len(again.entries), len(entries), err)
		}
	})
}
