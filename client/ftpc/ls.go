package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"
	"unsafe"

	"github.com/urfave/cli/v2"

	"ftpd/client"
)

func lsCommand(out *console) *cli.Command {
	return &cli.Command{
		Name:      "ls",
		Usage:     "list a directory of the server",
		ArgsUsage: "[-lhR] [--json] [PATH]",
		Description: "Names come sorted; without -l a directory's ends in /. A path that is a file lists that\n" +
			"file, a pattern in quotes what it matches.",
		Flags: []cli.Flag{
			toggle("long", "l", "mode, size, time and a link's target too"),
			toggle("human", "h", "with -l, sizes such as 1.2K and 34M"),
			toggle("recursive", "R", "list the directories below too"),
			jsonFlag(),
		},
		Action: action(out, runLs),
	}
}

func runLs(c *call) error {
	if err := c.need(0, 1); err != nil {
		return err
	}
	targets, err := c.connectTargets(c.Args().Slice()...)
	if err != nil {
		return err
	}
	l := &listing{call: c, begun: time.Now()}
	if len(targets) > 0 {
		l.path, l.pattern = targets[0].path, targets[0].pattern
	}
	if err := l.read(c.Context.Context); err != nil {
		return l.noted(l.path, err)
	}
	l.print()
	if l.broken > 0 {
		return &batchError{failed: l.broken, total: int64(len(l.entries))}
	}
	return nil
}

// listing is what ls shows.
type listing struct {
	*call
	path    string // of the directory; empty for the root
	pattern string // what to match where there is no such path; may be empty
	entries []client.Entry
	held    int   // bytes, about
	single  bool  // the entries are what the argument names, not what a directory holds
	broken  int64 // directories that could not be read
	begun   time.Time
}

// read collects the entries of a directory, or else the file or the files
// that the path names.
func (l *listing) read(ctx context.Context) error {
	err := l.readDirectory(ctx, l.path)
	switch {
	case errors.Is(err, client.ErrNotDirectory):
		err = l.readFile(ctx)
	case errors.Is(err, client.ErrNotFound) && l.pattern != "":
		err = l.readMatches(ctx)
	}
	slices.SortFunc(l.entries, func(a, b client.Entry) int { return comparePaths(a.Path, b.Path) })
	return err
}

// comparePaths orders a tree so that a directory is followed by what it
// holds: by components, that is, with the slash before every other byte.
func comparePaths(a, b string) int {
	for i := range min(len(a), len(b)) {
		switch {
		case a[i] == b[i]:
		case a[i] == '/':
			return -1
		case b[i] == '/':
			return 1
		default:
			return cmp.Compare(a[i], b[i])
		}
	}
	return cmp.Compare(len(a), len(b))
}

func (l *listing) readDirectory(ctx context.Context, path string) error {
	for entry, err := range l.client.List(ctx, path, client.ListOptions{Recursive: l.Bool("recursive")}) {
		if err != nil {
			return err
		}
		if entry.Err != nil {
			l.broken++
			l.out.fail(failed(joinRemote(path, entry.Path), entry.Err))
		}
		if err := l.add(entry); err != nil {
			return err
		}
	}
	return nil
}

// lsMost bounds what ls holds to sort it, in bytes: some millions of entries. A server
// that lists without end does not fill the memory.
const lsMost = 1 << 30

var errTooMany = errors.New("holds more than ls can sort")

// add keeps an entry.
func (l *listing) add(e client.Entry) error {
	l.held += int(unsafe.Sizeof(e)) + len(e.Path) + len(e.Target)
	if l.held > lsMost {
		return errTooMany
	}
	l.entries = append(l.entries, e)
	return nil
}

func (l *listing) readFile(ctx context.Context) error {
	info, err := l.client.Lstat(ctx, l.path)
	l.single = true
	l.entries = []client.Entry{{Path: l.path, Info: info}}
	return err
}

func (l *listing) readMatches(ctx context.Context) error {
	l.single = true
	for entry, err := range l.client.Glob(ctx, l.pattern) {
		if err != nil {
			return err
		}
		if entry.Err != nil {
			l.noteUnread(entry)
			continue
		}
		if err := l.add(entry); err != nil {
			return err
		}
	}
	l.items = int64(len(l.entries))
	if l.items+l.unread == 0 {
		return errNoMatch
	}
	return nil
}

// full returns the path under which other commands know an entry.
func (l *listing) full(e client.Entry) string {
	if l.single {
		return e.Path
	}
	return joinRemote(l.path, e.Path)
}

func (l *listing) print() {
	switch {
	case l.Bool("json"):
		l.printJSON()
	case l.Bool("recursive") && !l.single:
		l.printTree()
	default:
		l.printEntries(l.entries)
	}
}

func (l *listing) printJSON() {
	total := client.Summary{Failed: l.broken}
	for _, e := range l.entries {
		r := l.newRecord(l.full(e))
		r.setInfo(e.Info)
		l.setError(r, e.Err)
		l.printRecord(r)
		if e.Kind == client.Directory {
			total.Directories++
		} else {
			total.Files++
			total.Bytes += e.Size
		}
	}
	total.Duration = time.Since(l.begun)
	l.printSummary(total)
}

// printTree prints directory after directory, each headed by its path.
func (l *listing) printTree() {
	inside := make(map[string][]client.Entry)
	directories := []string{""}
	for _, e := range l.entries {
		parent, name, _ := cutLast(e.Path, "/")
		if e.Kind == client.Directory {
			directories = append(directories, e.Path)
		}
		e.Path = name
		inside[parent] = append(inside[parent], e)
	}
	for i, dir := range directories {
		if i > 0 {
			l.out.printf("\n")
		}
		l.out.printf("%s:\n", l.out.name(l.heading(dir)))
		l.printEntries(inside[dir])
	}
}

func (l *listing) heading(dir string) string {
	if dir == "" && l.path == "" {
		return "."
	}
	return joinRemote(l.path, dir)
}

func (l *listing) printEntries(entries []client.Entry) {
	if !l.Bool("long") {
		for _, e := range entries {
			l.out.printf("%s%s\n", l.out.name(e.Path), slash(e))
		}
		return
	}
	width := 0
	for _, e := range entries {
		width = max(width, len(l.size(e)))
	}
	for _, e := range entries {
		l.out.printf("%s %*s %s %s%s\n", modeText(e.Info), width, l.size(e),
			timeText(e.Mtime), l.out.name(e.Path), l.arrow(e))
	}
}

// timeText writes a time as wide as any other, and none as "-".
func timeText(t time.Time) string {
	const layout = "2006-01-02 15:04"
	if t.IsZero() {
		return fmt.Sprintf("%*s", len(layout), "-")
	}
	return t.Format(layout)
}

// slash marks a directory.
func slash(e client.Entry) string {
	if e.Kind == client.Directory && !strings.HasSuffix(e.Path, "/") {
		return "/"
	}
	return ""
}

// arrow shows where a link leads.
func (l *listing) arrow(e client.Entry) string {
	if e.Kind != client.Symlink || e.Target == "" {
		return ""
	}
	return " -> " + l.out.name(e.Target)
}

func (l *listing) size(e client.Entry) string {
	switch {
	case e.Kind != client.File:
		return "-"
	case l.Bool("human"):
		return humanSize(e.Size)
	}
	return decimal(e.Size)
}

// modeText writes kind and permissions as ls -l does.
func modeText(info client.Info) string {
	kind := map[client.Kind]string{client.Directory: "d", client.Symlink: "l", client.Special: "?"}[info.Kind]
	if kind == "" {
		kind = "-"
	}
	return kind + (info.Mode & fs.ModePerm).String()[1:]
}
