package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/urfave/cli/v2"

	"ftpd/internal/command"
)

// progress counts what a job moves and has it shown about ten times a second
// as a bar, every few seconds as a line, or not at all. It is a
// client.Progress: its counters are told from many goroutines, and one
// goroutine shows them.
type progress struct {
	files, filesDone atomic.Int64
	bytes, moved     atomic.Int64
	unknown          bool // no size will be announced

	out   *console
	mode  string
	show  display
	begun time.Time
	quit  chan struct{} // closed to end the goroutine
	ended chan struct{} // closed when it has ended
}

// display is one way to show the counters.
type display interface {
	every() time.Duration
	update(counts)
	// finish shows the end of a job that went well, or takes away what a job
	// that did not has left.
	finish(counts, bool)
}

// counts are the counters at one moment.
type counts struct {
	files, filesDone int64
	bytes, moved     int64
	unknown          bool
	elapsed          time.Duration
	late             int64         // of moved, within lately
	lately           time.Duration // the last seconds; 0 where nobody has metered
}

func newProgress(c *call) *progress {
	mode, _ := progressMode(c.Context) // action has checked it
	p := &progress{out: c.out, mode: mode}
	if c.Bool("quiet") {
		p.mode = "none"
	}
	return p
}

// silence shows nothing; unknownSize says that no size will be announced. Both
// are called before start.
func (p *progress) silence()     { p.mode = "none" }
func (p *progress) unknownSize() { p.unknown = true }

// Expect, Moved and Done implement client.Progress.
func (p *progress) Expect(files int, bytes int64) {
	p.files.Add(int64(files))
	p.bytes.Add(bytes)
}

func (p *progress) Moved(bytes int64) { p.moved.Add(bytes) }

func (p *progress) Done(files int) { p.filesDone.Add(int64(files)) }

func (p *progress) counts() counts {
	return counts{
		files: p.files.Load(), filesDone: p.filesDone.Load(),
		bytes: p.bytes.Load(), moved: p.moved.Load(),
		unknown: p.unknown,
		elapsed: time.Since(p.begun),
	}
}

// start begins to show the counters in the way that was asked for.
func (p *progress) start() {
	switch {
	case p.mode == "plain":
		p.show = &lines{out: p.out}
	case p.mode == "auto" && canRedraw(p.out.errFile):
		p.show = newRedrawn(p.out, p.counts())
	default:
		return
	}
	p.begun = time.Now()
	p.quit, p.ended = make(chan struct{}), make(chan struct{})
	ticker := time.NewTicker(p.show.every())
	go func() {
		defer ticker.Stop()
		p.loop(ticker.C)
	}()
}

// progressModes are the values of --progress.
var progressModes = []string{"auto", "plain", "none"}

// progressMode returns the value of --progress or else of FTPC_PROGRESS, and
// refuses a mode that there is not. A variable without a value is none.
func progressMode(c *cli.Context) (string, error) {
	mode := c.String("progress")
	value, set := os.LookupEnv("FTPC_PROGRESS")
	if mode == "" && value == "" && set {
		return progressModes[0], nil
	}
	if slices.Contains(progressModes, mode) {
		return mode, nil
	}
	name := "--progress"
	if set && value == mode {
		name = "FTPC_PROGRESS"
	}
	return "", command.Usagef("%s is one of %s, not %s", name, strings.Join(progressModes, ", "), mode)
}

func (p *progress) loop(tick <-chan time.Time) {
	defer close(p.ended)
	var m meter
	for {
		select {
		case <-tick:
			c := p.counts()
			m.add(&c)
			p.show.update(c)
		case <-p.quit:
			return
		}
	}
}

// stop ends the show.
func (p *progress) stop(well bool) {
	if p.show == nil {
		return
	}
	close(p.quit)
	<-p.ended
	p.show.finish(p.counts(), well)
}

// lines is the display for a log: a line at intervals and one at the end.
type lines struct{ out *console }

func (*lines) every() time.Duration { return 5 * time.Second }

func (l *lines) update(c counts) {
	size := humanBytes(c.moved)
	if !c.unknown {
		size += " of " + humanBytes(c.bytes)
	}
	text := fmt.Sprintf("%d of %s, %s, %s", c.filesDone, plural(c.files, "file"), size, c.rate())
	if left, known := c.left(); known {
		text += ", " + left.Round(time.Second).String() + " left"
	}
	l.out.note("", text)
}

func (l *lines) finish(c counts, well bool) {
	if well {
		l.out.note("", fmt.Sprintf("%s, %s in %s, %s",
			plural(c.filesDone, "file"), humanBytes(c.moved), roundSeconds(c.elapsed), c.rate()))
	}
}

func (c counts) rate() string { return humanBytes(int64(c.perSecond())) + "/s" }

// roundSeconds writes a duration to three digits or so.
func roundSeconds(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

func plural(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
