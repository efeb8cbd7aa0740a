//go:build unix

package access

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"ftpd/server/session"
)

// goodPHC has the form of a password.
const goodPHC = "$argon2id$v=19$m=7168,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$5ycnT9PVCrqdB4bVnk6VJxPYtiPxvcLVPhq0Yqr0YAU"

func TestUsersFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "users")
	want := []User{
		{Name: "alice", Home: "homes/alice", Allow: session.Everything, QuotaBytes: 10_000_000_000, QuotaFiles: 7, Connections: 2, RateUp: 1000, RateDown: 2000, Password: goodPHC},
		{Name: "zoë <&> \u202e", Allow: session.Read | session.Admin, Keys: []string{edLine}},
		{Name: "nobody"},
	}
	if err := ChangeUsers(name, func([]User) ([]User, error) { return want, nil }); err != nil {
		t.Fatal(err)
	}
	got, err := ReadUsers(name)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-written +read):\n%s", err, diff)
	}
	info, err := os.Stat(name)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if text, _ := os.ReadFile(name); strings.Count(string(text), "\n") != len(want) {
		t.Errorf("%s", text)
	}
}

func TestUsersThatAreNone(t *testing.T) {
	for text, says := range map[string]string{
		`{"name":""}`:    "no name of a user",
		`{"name":"a\n"}`: "no name of a user",
		`{"name":" a"}`:  "no space",
		`{"name":"` + strings.Repeat("x", 65) + `"}`: "1 to 64 bytes",
		`{"name":"a","home":"../b"}`:                 "home",
		`{"name":"a","home":"/b"}`:                   "home",
		`{"name":"a","home":"b//c"}`:                 `as "b/c"`,
		`{"name":"a","home":".ftpd-staging"}`:        "home",
		`{"name":"a","allow":"read,fly"}`:            "fly",
		`{"name":"a","quota_bytes":-1}`:              "negative",
		`{"name":"a","connections":-1}`:              "negative",
		`{"name":"a","quota_bytes":1e30}`:            "cannot unmarshal",
		`{"name":"a","surprise":1}`:                  "surprise",
		`{"name":"a"} x`:                             "behind",
		`{"name":"a"}{"name":"b"}`:                   "behind",
		`name=a`:                                     "invalid character",
		`{"name":"a","password":"sesame"}`:           "argon2id",
		`{"name":"a","keys":["ssh-rsa x"]}`:          "public key",
		`{"name":"a","keys":["` + edLine + `  "]}`:   "written as",
		"{\"name\":\"a\"}\n\n{\"name\":\"a\"}":       "stands in line 1 already",
	} {
		if users, err := parseUsers(text); err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "line ") {
			t.Errorf("%s: %v, %v", text, users, err)
		}
	}
}

func TestExposedUsersFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "users")
	for _, mode := range []fs.FileMode{0o640, 0o604, 0o620, 0o610, 0o666} {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
		_, err := ReadUsers(name)
		if !errors.Is(err, ErrExposed) || !strings.Contains(err.Error(), "chmod 600") || !strings.Contains(err.Error(), name) {
			t.Errorf("%04o: %v", mode, err)
		}
		if err := ChangeUsers(name, func(u []User) ([]User, error) { return u, nil }); !errors.Is(err, ErrExposed) {
			t.Errorf("%04o, changed: %v", mode, err)
		}
	}
	directory := t.TempDir()
	if err := os.Chmod(directory, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadUsers(directory); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a directory: %v", err)
	}
	if err := errors.Join(os.Chmod(name, 0o600), os.Truncate(name, maxFile+1)); err != nil { // a hole, which takes no room
		t.Fatal(err)
	}
	if _, err := ReadUsers(name); err == nil || !strings.Contains(err.Error(), "more than a users file has") {
		t.Errorf("one that is too large: %v", err)
	}
}

// TestForeignUsersFile: a server does not let in whom somebody else names. Root may keep the
// file of a server that runs as another user.
func TestForeignUsersFile(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root gives files away")
	}
	const other = 4711
	name := filepath.Join(t.TempDir(), "users")
	same := func([]User) ([]User, error) { return []User{{Name: "a"}}, nil }
	if err := ChangeUsers(name, same); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(name, other, other); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Options{File: name}); !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), name) {
		t.Errorf("%v", err)
	}
	if err := ChangeUsers(name, same); err != nil {
		t.Errorf("root keeps it: %v", err)
	}
	if _, err := New(Options{File: name, Owner: other}); err != nil {
		t.Errorf("the server goes on as the owner: %v", err)
	}
}

// TestChangesAtOnce loses none, and whoever reads meanwhile finds a whole file.
func TestChangesAtOnce(t *testing.T) {
	name := filepath.Join(t.TempDir(), "users")
	if err := ChangeUsers(name, func([]User) ([]User, error) { return []User{{Name: "first"}}, nil }); err != nil {
		t.Fatal(err)
	}
	const writers, each = 8, 8
	var group, readers sync.WaitGroup
	stop := make(chan struct{})
	readers.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if users, err := ReadUsers(name); err != nil || len(users) == 0 {
				t.Errorf("%d users, %v", len(users), err)
				return
			}
		}
	})
	for w := range writers {
		group.Go(func() {
			for i := range each {
				err := ChangeUsers(name, func(users []User) ([]User, error) {
					return append(users, User{Name: fmt.Sprintf("%d-%d", w, i)}), nil
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	close(stop)
	readers.Wait()
	if users, err := ReadUsers(name); err != nil || len(users) != writers*each+1 {
		t.Errorf("%d users, %v", len(users), err)
	}
	if left, _ := filepath.Glob(name + ".new*"); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
}

// TestFailedChange leaves what was there.
func TestFailedChange(t *testing.T) {
	name := filepath.Join(t.TempDir(), "users")
	if err := ChangeUsers(name, func([]User) ([]User, error) { return []User{{Name: "a"}}, nil }); err != nil {
		t.Fatal(err)
	}
	failure := errors.New("no")
	if err := ChangeUsers(name, func([]User) ([]User, error) { return nil, failure }); !errors.Is(err, failure) {
		t.Error(err)
	}
	if err := ChangeUsers(name, func([]User) ([]User, error) { return []User{{Name: ""}}, nil }); err == nil {
		t.Error("a user without a name was written")
	}
	if users, err := ReadUsers(name); err != nil || len(users) != 1 {
		t.Errorf("%v, %v", users, err)
	}
}

func FuzzUsers(f *testing.F) {
	f.Add(`{"name":"a","home":"b","allow":"read","quota_bytes":1,"password":"` + goodPHC + `","keys":["` + edLine + `"]}`)
	f.Add("\n{}\n")
	f.Fuzz(func(t *testing.T, text string) {
		users, err := parseUsers(text)
		if err != nil {
			return
		}
		again, err := formatUsers(users)
		if err != nil {
			t.Fatalf("%q was read and cannot be written: %v", text, err)
		}
		users2, err := parseUsers(string(again))
		if diff := cmp.Diff(users, users2, cmpopts.EquateEmpty()); err != nil || diff != "" && len(users) > 0 {
			t.Fatalf("%v (-before +again):\n%s", err, diff)
		}
	})
}

func FuzzPHC(f *testing.F) {
	f.Add(goodPHC)
	f.Add("$argon2id$v=19$m=07168,t=1,p=1$c29tZXNhbHQ$5ycnT9PVCrqdB4bVnk6VJxPYtiPxvcLVPhq0Yqr0YAU")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parsePHC(text)
		if err == nil && (p.String() != text || !p.cost.within(least, most)) {
			t.Fatalf("%q was read as %q", text, p)
		}
	})
}
