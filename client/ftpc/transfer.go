package main

import (
	"strings"
	"sync"
	"time"

	"ftpd/client"
)

// transfer is the job of one get or put: its progress and what became of each
// file.
type transfer struct {
	call     *call
	follow   client.Links // in trees
	progress *progress
	only     condition // of a put
	json     bool
	begun    time.Time

	mu    sync.Mutex
	total client.Summary
	links int64 // symbolic links that were skipped
	odd   int64 // special files that were
	parts int64 // part files that were
	own   int64 // names that were, because the server keeps them for itself
}

func newTransfer(c *call) *transfer {
	return &transfer{
		call:     c,
		progress: newProgress(c),
		json:     c.Bool("json"),
		begun:    time.Now(),
	}
}

// run shows the progress while do works and prints the summary.
func (t *transfer) run(do func() error) error {
	t.progress.start()
	err := do()
	t.progress.stop(err == nil)
	t.noteSkipped()
	if t.json {
		t.total.Duration = time.Since(t.begun)
		t.call.printSummary(t.total)
	}
	return err
}

// options are those of a tree.
func (t *transfer) options() *client.TransferOptions {
	return &client.TransferOptions{Progress: t.progress, OnFile: t.onFile, CreateOnly: t.only.createOnly, Links: t.follow}
}

// onFile tells of one file of a tree. The tree's own error is printed later,
// and so is one that ended the connection, since it would appear for every
// file that was under way.
func (t *transfer) onFile(event client.FileEvent) {
	if event.Err != nil && !fatal(event.Err) {
		t.call.out.fail(failed(t.call.source(event), event.Err))
	}
	t.countSkipped(event.Skipped)
	t.noteRestarted(event)
	t.print(event)
}

// noteRestarted tells of a file of which a part had come that was no use.
func (t *transfer) noteRestarted(event client.FileEvent) {
	if event.Result.Restarted {
		t.call.out.note(t.call.source(event), "it has changed since a part of it was transferred, and was transferred anew")
	}
}

func (t *transfer) countSkipped(what string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch what {
	case "":
	case client.Symlink.String():
		t.links++
	case client.Special.String():
		t.odd++
	case client.SkippedPart:
		t.parts++
	default:
		t.own++
	}
}

// skipped tells of something that no tree's transfer has met.
func (t *transfer) skipped(event client.FileEvent) {
	t.mu.Lock()
	t.total.Skipped++
	t.mu.Unlock()
	t.countSkipped(event.Skipped)
	t.print(event)
}

// noteSkipped tells in one line how much of the trees was left out.
func (t *transfer) noteSkipped() {
	var parts []string
	if t.links > 0 {
		parts = append(parts, plural(t.links, "symbolic link"))
	}
	if t.odd > 0 {
		parts = append(parts, plural(t.odd, "special file"))
	}
	if t.parts > 0 {
		parts = append(parts, plural(t.parts, "part file")+" of interrupted transfers")
	}
	if t.own > 0 {
		parts = append(parts, plural(t.own, "reserved name"))
	}
	if len(parts) == 0 || t.call.Bool("quiet") {
		return
	}
	verb := "were"
	if t.links+t.odd+t.parts+t.own == 1 {
		verb = "was"
	}
	t.call.out.note("", enumerate(parts)+" "+verb+" skipped")
}

// enumerate joins parts of a sentence.
func enumerate(parts []string) string {
	last := len(parts) - 1
	if last == 0 {
		return parts[0]
	}
	return strings.Join(parts[:last], ", ") + " and " + parts[last]
}

// source is the end of a transfer that it reads from.
func (c *call) source(event client.FileEvent) string {
	if c.Command.Name == "put" || c.uploads {
		return event.Local
	}
	return event.Remote
}

// addFile tells of a file that is no tree's; its error is printed elsewhere.
func (t *transfer) addFile(event client.FileEvent) {
	t.mu.Lock()
	if event.Err == nil {
		t.total.Files++
		t.total.Bytes += event.Result.Size
	} else {
		t.total.Failed++
	}
	t.mu.Unlock()
	t.noteRestarted(event)
	t.print(event)
}

func (t *transfer) addTree(s client.Summary) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.total.Files += s.Files
	t.total.Directories += s.Directories
	t.total.Failed += s.Failed
	t.total.Skipped += s.Skipped
	t.total.Bytes += s.Bytes
}

func (t *transfer) print(event client.FileEvent) {
	switch {
	case t.json:
		t.call.printTransfer(event)
	case t.call.Bool("verbose") && event.Err == nil:
		t.call.tell(event)
	}
}

// tell prints the line of a file for people.
func (c *call) tell(event client.FileEvent) {
	from, to := event.Remote, event.Local
	if c.source(event) == event.Local {
		from, to = to, from
	}
	if event.Skipped != "" {
		c.out.printf("%s skipped: %s\n", c.out.name(from), event.Skipped)
	} else {
		c.out.printf("%s -> %s\n", c.out.name(from), c.out.name(to))
	}
	c.out.flush() // somebody looks on
}
