package main

import (
	"testing"
	"time"

	"ftpd/client"
)

func TestFilter(t *testing.T) {
	for _, c := range []struct {
		exclude, include []string
		path             string
		out              bool
		kind             client.Kind // a file unless it says otherwise
	}{
		{nil, nil, "a", false, client.File},
		{[]string{"*.o"}, nil, "a/b.o", true, client.File},
		{[]string{"*.o"}, nil, "a/b.c", false, client.File},
		{[]string{"build"}, nil, "a/build/x/y", true, client.File},
		{[]string{"a/build"}, nil, "a/build/x", true, client.File},
		{[]string{"/a/build/"}, nil, "b/a/build", false, client.File},
		{[]string{"*"}, []string{"[!a]"}, "b", false, client.File},
		{[]string{"*"}, []string{"[!a]"}, "a", true, client.File},
		{[]string{"dir"}, []string{"x"}, "dir/x", true, client.File}, // it lies in what is left out
		{[]string{"dir/"}, nil, "dir", false, client.File},
		{[]string{"dir/"}, nil, "dir", true, client.Directory},
		{[]string{"dir/"}, nil, "a/dir/x", true, client.File},
		{[]string{"*"}, []string{"*/", "*.txt"}, "a/b", false, client.Directory},
		{[]string{"*"}, []string{"*/", "*.txt"}, "a/b/c.txt", false, client.File},
		{[]string{"*"}, []string{"*/", "*.txt"}, "a/b/c.bin", true, client.File},
	} {
		f, err := newFilter(c.exclude, c.include)
		if err != nil {
			t.Fatal(err)
		}
		if got := f.leavesOut(c.path, c.kind); got != c.out {
			t.Errorf("%v but %v: %s is left out: %t", c.exclude, c.include, c.path, got)
		}
	}
	for _, bad := range []string{"[", "", "/"} {
		if _, err := newFilter(nil, []string{bad}); err == nil {
			t.Errorf("%q is a pattern", bad)
		}
	}
}

func TestSameTime(t *testing.T) {
	whole := time.Unix(1_700_000_000, 0)
	for _, c := range []struct {
		a, b time.Time
		same bool
	}{
		{whole, whole, true},
		{whole.Add(5), whole.Add(5), true},
		{whole.Add(5), whole.Add(6), false},
		{whole, whole.Add(999_999_999), true}, // one end keeps seconds
		{whole, whole.Add(time.Second), false},
		{whole.Add(-1), whole, false},
	} {
		if sameTime(c.a, c.b) != c.same || sameTime(c.b, c.a) != c.same {
			t.Errorf("%v and %v: want %t", c.a, c.b, c.same)
		}
	}
}
