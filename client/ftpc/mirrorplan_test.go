package main

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ftpd/client"
)

// What both ends have, in whatever order it is met, makes the same plan.
func TestComparison(t *testing.T) {
	at := time.Unix(1_700_000_000, 5)
	file := func(size int64) item { return item{client.File, size, at} }
	dir, link := item{kind: client.Directory}, item{kind: client.Symlink}
	later := item{client.File, 1, at.Add(time.Minute)}
	source := map[string]item{
		"same": file(1), "size": file(1), "time": file(1), "new": file(3), "link": file(1),
		"d": dir, "d/new": file(2), "fresh": dir, "fresh/x": file(1),
		"was-dir": file(4), "was-file": dir, "was-file/x": file(5), "stays-dir": file(1),
		"locked": dir,
	}
	target := map[string]item{
		"same": file(1), "size": file(2), "time": later, "link": link,
		"d": dir, "d/old": file(1), "gone": dir, "gone/x": file(1), "keeps": dir, "keeps/x": file(1),
		"was-dir": dir, "was-dir/x": file(1), "was-file": link, "stays-dir": dir, "stays-dir/x": file(1),
	}
	type seen struct {
		Makes, Copies, LateMakes, LateCopies, Remove, Stuck []string
		Failed                                              int64
	}
	for _, c := range []struct {
		removes bool
		want    seen
	}{
		{true, seen{
			Makes: []string{"fresh"}, Copies: []string{"d/new", "fresh/x", "link", "new", "size", "time"},
			LateMakes: []string{"was-file"}, LateCopies: []string{"was-dir", "was-file/x"},
			Remove: []string{"was-file", "was-dir/x", "was-dir", "stays-dir/x", "keeps/x", "gone/x", "gone/.x.ftpc-part", "gone", "d/old"},
			Stuck:  []string{"stays-dir"}, Failed: 2,
		}},
		{false, seen{
			Makes: []string{"fresh"}, Copies: []string{"d/new", "fresh/x", "link", "new", "size", "time"},
			Stuck: []string{"stays-dir", "was-dir", "was-file"}, Failed: 4,
		}},
	} {
		for _, first := range []end{sourceEnd, targetEnd} {
			comparison := newComparison(false)
			met := [2]map[string]item{source, target}
			for _, at := range []end{first, 1 - first} {
				for path, it := range met[at] {
					comparison.met(at, path, it)
				}
			}
			comparison.failed(sourceEnd, "locked")
			comparison.keeps("keeps/excluded")
			comparison.keeps("stays-dir/deeper/excluded")
			comparison.part("gone/.x.ftpc-part")
			comparison.part("d/.y.ftpc-part")
			p := comparison.finish(c.removes)
			var got seen
			got.Makes, got.Copies = p.of(early)
			got.LateMakes, got.LateCopies = p.of(late)
			for _, l := range p.remove {
				got.Remove = append(got.Remove, l.path)
			}
			got.Stuck, got.Failed = p.stuck, p.failed
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("with --delete %t, the %v first: %s", c.removes, first, diff)
			}
			if p.sources != int64(len(source)) {
				t.Errorf("%d of the source", p.sources)
			}
		}
	}
}

// What is the same at both ends is not held.
func TestComparisonForgets(t *testing.T) {
	c := newComparison(true)
	for _, at := range []end{sourceEnd, targetEnd} {
		for _, path := range []string{"a", "b", "c"} {
			c.met(at, path, item{kind: client.Directory})
		}
	}
	if held := slices.Concat(slices.Collect(maps.Keys(c.waiting[0])), slices.Collect(maps.Keys(c.waiting[1]))); len(held) > 0 {
		t.Errorf("%q is held", held)
	}
}
