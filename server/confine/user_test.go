//go:build unix

package confine

import (
	"errors"
	"os/user"
	"strings"
	"testing"
)

func TestLookupUser(t *testing.T) {
	known, err := user.Lookup("nobody")
	if err != nil {
		t.Skipf("this system has no user nobody: %v", err)
	}
	uid, _ := number(known.Uid)
	gid, _ := number(known.Gid)
	for _, c := range []struct {
		name, group string
		want        User
		says        string // of the error
	}{
		{"nobody", "", User{uid, gid}, ""},
		{known.Uid, "", User{uid, gid}, ""},
		{"nobody", "77", User{uid, 77}, ""},
		{"4000123", "77", User{4000123, 77}, ""},
		{"4000123", "", User{}, "does not know"},
		{"root", "", User{}, "is root"},
		{"0", "77", User{}, "is root"},
		{"nobdy", "", User{}, `no user "nobdy"`},
		{"-1", "77", User{}, "no user"},
		{"4294967295", "77", User{}, "no user"},
		{"4294967296", "77", User{}, "no user"},
		{"nobody", "4294967295", User{}, "no group"},
		{"nobody", "nogroop", User{}, `no group "nogroop"`},
	} {
		got, err := LookupUser(c.name, c.group)
		switch {
		case c.says == "" && (err != nil || got != c.want):
			t.Errorf("%q, %q: %+v, %v", c.name, c.group, got, err)
		case c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)):
			t.Errorf("%q, %q: %v", c.name, c.group, err)
		}
	}
	if _, err := LookupUser("4000123", ""); !errors.Is(err, ErrGroup) {
		t.Error(err)
	}
}

func TestModes(t *testing.T) {
	for mode := range modeNames {
		if got, err := ParseMode(Mode(mode).String()); err != nil || got != Mode(mode) {
			t.Errorf("%v, %v", got, err)
		}
	}
	if _, err := ParseMode("maybe"); err == nil || !strings.Contains(err.Error(), "maybe") {
		t.Error(err)
	}
}
