package main

import (
	"testing"
	"time"
)

func TestFilter(t *testing.T) {
	for _, c := range []struct {
		exclude, include []string
		path             string
		out              bool
	}{
		{nil, nil, "a", false},
		{[]string{"*.o"}, nil, "a/b.o", true},
		{[]string{"*.o"}, nil, "a/b.c", false},
		{[]string{"build"}, nil, "a/build/x/y", true},
		{[]string{"a/build"}, nil, "a/build/x", true},
		{[]string{"/a/build/"}, nil, "b/a/build", false},
		{[]string{"*"}, []string{"[!a]"}, "b", false},
		{[]string{"*"}, []string{"[!a]"}, "a", true},
		{[]string{"dir"}, []string{"x"}, "dir/x", true}, // it lies in what is left out
	} {
		f, err := newFilter(c.exclude, c.include)
		if err != nil {
			t.Fatal(err)
		}
		if got := f.leavesOut(c.path); got != c.out {
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
