package main

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"ftpd/client"
)

// item is a file or a directory at one end of a mirror.
type item struct {
	kind  client.Kind
	size  int64
	mtime time.Time
}

// plan is what makes the target the same as the source.
type plan struct {
	makes  []string         // directories that are missing in the target, "." for itself
	copies map[string]int64 // files that are, or differ, with their sizes
	remove []leftover       // what the source does not have, a directory behind all that it holds
	inWay  map[string]bool  // what is in the target of another kind, and must go before a copy can be made
	stuck  []string         // what of that is to stay: nothing is copied there

	dirs    map[string]bool // directories of the source
	sources int64           // files and directories of the source
	failed  int64           // of either end could not be read, or have something in the way: each is told
}

// leftover is something in the target that is to go.
type leftover struct {
	path string
	kind client.Kind
}

// sized is a file and its size in bytes.
type sized struct {
	path string
	size int64
}

// end is one side of a mirror.
type end int

const (
	sourceEnd end = iota
	targetEnd
)

// comparison matches what the walks of both ends meet, in whatever order that comes.
// What is the same at both ends is forgotten at once, so that no more is held than what
// differs, and what one walk is ahead of the other.
type comparison struct {
	mu      sync.Mutex
	plan    plan
	waiting [2]map[string]item // what one end only has, as far as is known
	parts   []string           // part files in the target
	unread  []string           // directories of the source, and links there
	kept    map[string]bool    // directories of the target that hold what is kept
	content bool               // files of one size are compared by content, later
	doubted []sized            // those
}

func newComparison(content bool) *comparison {
	return &comparison{
		content: content,
		plan:    plan{copies: make(map[string]int64), inWay: make(map[string]bool), dirs: make(map[string]bool)},
		waiting: [2]map[string]item{make(map[string]item), make(map[string]item)},
		kept:    make(map[string]bool),
	}
}

// met takes what one end has at a path.
func (c *comparison) met(at end, path string, it item) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at == sourceEnd {
		c.plan.sources++
		if it.kind == client.Directory {
			c.plan.dirs[path] = true
		}
	}
	other, there := c.waiting[1-at][path]
	if !there {
		c.waiting[at][path] = it
		return
	}
	delete(c.waiting[1-at], path)
	if at == sourceEnd {
		c.judge(path, it, other)
	} else {
		c.judge(path, other, it)
	}
}

// judge compares what has one path at both ends: by kind, size and time.
func (c *comparison) judge(path string, from, to item) {
	isDirectory := from.kind == client.Directory
	switch {
	case isDirectory != (to.kind == client.Directory):
		c.plan.inWay[path] = true
		c.plan.remove = append(c.plan.remove, leftover{path, to.kind})
		c.missing(path, from)
	case isDirectory:
	case to.kind != client.File || to.size != from.size:
		c.plan.copies[path] = from.size
	case c.content:
		c.doubted = append(c.doubted, sized{path, from.size})
	case !sameTime(from.mtime, to.mtime):
		c.plan.copies[path] = from.size
	}
}

// differs tells that a file has another content at both ends.
func (c *comparison) differs(file sized) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.plan.copies[file.path] = file.size
}

func (c *comparison) missing(path string, it item) {
	if it.kind == client.Directory {
		c.plan.makes = append(c.plan.makes, path)
	} else {
		c.plan.copies[path] = it.size
	}
}

// keeps tells of something in the target that stays, and so do the directories that it
// lies in.
func (c *comparison) keeps(path string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for dir := above(path); dir != "" && !c.kept[dir]; dir = above(dir) {
		c.kept[dir] = true
	}
}

// part tells of a part file in the target. It goes with its directory, and stays
// otherwise: somebody may be at work on it.
func (c *comparison) part(path string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.parts = append(c.parts, path)
}

// without tells that there is no target.
func (c *comparison) without() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.plan.makes = append(c.plan.makes, ".")
	c.plan.dirs["."] = true
}

// failed counts what could not be read. A directory of the source is not copied then.
func (c *comparison) failed(at end, path string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.plan.failed++
	if at == sourceEnd {
		c.unread = append(c.unread, path)
	}
}

// finish makes the plan of what was met. Without removing, what is in the way stays.
func (c *comparison) finish(removes bool) *plan {
	p := &c.plan
	for path, it := range c.waiting[sourceEnd] {
		c.missing(path, it)
	}
	for path, it := range c.waiting[targetEnd] {
		p.remove = append(p.remove, leftover{path, it.kind})
	}
	stays := func(path string) bool { return !removes || c.kept[path] }
	for path := range p.inWay {
		if stays(path) {
			p.stuck = append(p.stuck, path)
		}
	}
	p.giveUp()
	for _, path := range c.unread {
		delete(p.dirs, path)
	}
	p.makes = slices.DeleteFunc(p.makes, func(path string) bool { return !p.dirs[path] })
	p.remove = slices.DeleteFunc(p.remove, func(l leftover) bool { return stays(l.path) })
	going := make(map[string]bool, len(p.remove))
	for _, l := range p.remove {
		going[l.path] = true
	}
	for _, part := range c.parts {
		if going[above(part)] {
			p.remove = append(p.remove, leftover{part, client.File})
		}
	}
	slices.SortFunc(p.makes, comparePaths)
	slices.SortFunc(p.remove, func(a, b leftover) int { return comparePaths(b.path, a.path) })
	return p
}

// above returns the directory that a path lies in, empty for the top.
func above(path string) string { return path[:max(0, strings.LastIndexByte(path, '/'))] }

// blocked tells whether something in the target is in the way of a path.
func (p *plan) blocked(path string) bool {
	for len(p.inWay) > 0 && path != "" {
		if p.inWay[path] {
			return true
		}
		path = above(path)
	}
	return false
}

// giveUp takes out of the plan what can never be copied.
func (p *plan) giveUp() {
	if len(p.stuck) == 0 {
		return
	}
	slices.SortFunc(p.stuck, comparePaths)
	stuck := plan{inWay: make(map[string]bool)}
	for _, path := range p.stuck {
		stuck.inWay[path] = true
	}
	maps.DeleteFunc(p.copies, func(path string, _ int64) bool { return stuck.blocked(path) })
	p.makes = slices.DeleteFunc(p.makes, stuck.blocked)
	p.failed += int64(len(p.stuck))
}

// sameTime compares as far as both ends tell times: some file systems keep whole
// seconds, or two of them (FAT).
func sameTime(a, b time.Time) bool {
	if a.Equal(b) {
		return true
	}
	coarse := a.Nanosecond() == 0 || b.Nanosecond() == 0
	return coarse && a.Truncate(time.Second).Equal(b.Truncate(time.Second))
}

// phase is a part of a run: what is blocked is copied after what blocks it was removed.
type phase bool

const (
	early phase = false
	late  phase = true
)

// of returns what is to be made and copied in a phase, sorted.
func (p *plan) of(at phase) (makes, copies []string) {
	for _, path := range p.makes {
		if phase(p.blocked(path)) == at {
			makes = append(makes, path)
		}
	}
	for path := range p.copies {
		if phase(p.blocked(path)) == at {
			copies = append(copies, path)
		}
	}
	slices.SortFunc(copies, comparePaths)
	return makes, copies
}

// selects returns a client.TransferOptions.Select for a phase. Directories that are
// there already are walked for what is in them.
func (p *plan) selects(at phase) func(string, client.Kind) bool {
	return func(path string, kind client.Kind) bool {
		if kind == client.Directory {
			return p.dirs[path] && (at == late || !p.blocked(path))
		}
		_, copied := p.copies[path]
		return copied && phase(p.blocked(path)) == at
	}
}
