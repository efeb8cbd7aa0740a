package client

import (
	"context"
	"iter"
	"slices"
	"strings"
	"sync"
)

// resolveAtOnce is how many links are followed at once.
const resolveAtOnce = 64

// Walk yields all that is below a directory of the server, as a recursive List
// does. With CopyLinks an entry for a symbolic link describes what the link leads
// to, and what a directory holds that it leads to follows, with the link in its
// paths. A link that leads nowhere, out of the served directory, or to a directory
// that it lies in itself is an entry with Err set.
func (c *Client) Walk(ctx context.Context, path string, links Links) iter.Seq2[Entry, error] {
	if links == SkipLinks {
		return c.List(ctx, path, ListOptions{Recursive: true})
	}
	return func(yield func(Entry, error) bool) {
		w := walker{client: c, ctx: ctx, top: path, yield: yield, seen: make(map[string]Info)}
		top, err := w.real(".", path)
		if err != nil {
			yield(Entry{}, err)
			return
		}
		w.run(branch{real: top})
	}
}

// walker is a Walk that follows links.
type walker struct {
	client *Client
	ctx    context.Context
	top    string
	yield  func(Entry, error) bool
	seen   map[string]Info // by their path on the server: what lay on the way to directories
}

// branch is a directory to be listed: the top, or one that a link leads to.
type branch struct {
	path  string // below the top; empty for the top itself
	real  string // on the server, free of links
	above []span // what it was reached through, the top first
}

// span is a directory that was listed, and one in it that holds a link to the next:
// all that lies between them holds the link too.
type span struct{ top, last string }

// holds reports whether a directory is one of those between.
func (s span) holds(dir string) bool { return within(dir, s.top) && within(s.last, dir) }

// within reports whether path is dir, or below it.
func within(path, dir string) bool {
	return dir == "." || path == dir || strings.HasPrefix(path, dir+"/")
}

// run lists a branch and those that are found in it, the last found first, so that
// few wait.
func (w *walker) run(first branch) {
	for pending := []branch{first}; len(pending) > 0; {
		last := len(pending) - 1
		b := pending[last]
		pending = pending[:last]
		found, more := w.list(b)
		if !more {
			return
		}
		pending = append(pending, found...)
	}
}

// list yields what a branch holds, its links last, and returns the branches that
// they lead to.
func (w *walker) list(b branch) (found []branch, more bool) {
	var links []Entry
	for e, err := range w.client.List(w.ctx, join(w.top, b.path), ListOptions{Recursive: true}) {
		if err != nil {
			return nil, w.unread(b, err)
		}
		e.Path = join(b.path, e.Path)
		if e.Kind == Symlink && e.Err == nil {
			links = append(links, e)
		} else if !w.yield(e, nil) {
			return nil, false
		}
	}
	if err := w.resolve(links); err != nil {
		return nil, w.unread(b, err)
	}
	for _, e := range links {
		if e.Kind == Directory && e.Err == nil {
			next, err := w.branch(b, e)
			if e.Err = err; err == nil {
				found = append(found, next)
			}
		}
		if !w.yield(e, nil) {
			return nil, false
		}
	}
	return found, true
}

// unread yields why a branch could not be listed to its end, and reports whether to
// go on: behind one that a link leads to.
func (w *walker) unread(b branch, err error) bool {
	if b.path == "" || w.ctx.Err() != nil || endsAll(err) {
		w.yield(Entry{}, err)
		return false
	}
	return w.yield(Entry{Path: b.path, Info: Info{Kind: Directory}, Err: err}, nil)
}

// resolve has links describe what they lead to. An error is why nothing more can be
// asked.
func (w *walker) resolve(links []Entry) error {
	var group sync.WaitGroup
	slots := make(chan struct{}, resolveAtOnce)
	for i := range links {
		e := &links[i]
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			target := e.Target
			info, err := w.client.Stat(w.ctx, join(w.top, e.Path))
			if err != nil {
				e.Err = err // and it stays a link
				return
			}
			e.Info, e.Target = info, target
		})
	}
	group.Wait()
	for _, e := range links {
		if endsAll(e.Err) {
			return e.Err
		}
	}
	return w.ctx.Err()
}

// branch returns the directory that a link leads to.
func (w *walker) branch(b branch, link Entry) (branch, error) {
	dir, _ := split(strings.TrimPrefix(link.Path[len(b.path):], "/"))
	at := b.real
	if dir != "." {
		at = join(b.real, dir)
	}
	leads, err := w.real(at, link.Target)
	if err != nil {
		return branch{}, err
	}
	above := slices.Concat(b.above, []span{{b.real, at}})
	for _, s := range above {
		if s.holds(leads) {
			return branch{}, linkError(join(w.top, link.Path), linkLoops)
		}
	}
	return branch{path: link.Path, real: leads, above: above}, nil
}

// real returns the path without links that a path, seen from a directory that is
// free of them, leads to.
func (w *walker) real(dir, path string) (string, error) {
	rest := strings.Split(path, "/")
	if strings.HasPrefix(path, "/") && dir != "." {
		return "", linkError(path, linkLeaves)
	}
	for followed := 0; len(rest) > 0; {
		name := rest[0]
		rest = rest[1:]
		switch name {
		case "", ".":
			continue
		case "..":
			if dir == "." {
				return "", linkError(path, linkLeaves)
			}
			dir, _ = split(dir)
			continue
		}
		info, err := w.lstat(join(dir, name))
		if err != nil {
			return "", err
		}
		if info.Kind != Symlink {
			dir = join(dir, name)
			continue
		}
		if followed++; followed > maxFollowed {
			return "", linkError(path, linkLoops)
		}
		if strings.HasPrefix(info.Target, "/") {
			return "", linkError(path, linkLeaves)
		}
		rest = append(strings.Split(info.Target, "/"), rest...)
	}
	return dir, nil
}

// lstat is that of the client, asked once.
func (w *walker) lstat(path string) (Info, error) {
	if info, ok := w.seen[path]; ok {
		return info, nil
	}
	info, err := w.client.Lstat(w.ctx, path)
	if err == nil {
		w.seen[path] = info
	}
	return info, err
}
