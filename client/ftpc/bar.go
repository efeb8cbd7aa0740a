package main

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"time"

	"github.com/schollz/progressbar/v3"
)

// redrawn is the bar: one line of a terminal, drawn again and again. All its
// drawing is done under the console's lock.
type redrawn struct {
	out     *console
	layouts []*layout // the widest first
	drawn   *layout   // the one on the screen
	width   int       // of the terminal when it was drawn
	blank   bool      // nothing of it is on the screen
}

// layout is the bar as terminals of some width have it. The library can take
// no part of a bar away, and the width of a terminal changes: so there is a bar
// for each layout, and all have run from the beginning.
type layout struct {
	from  int // columns
	bar   *progressbar.ProgressBar
	files string // how many of them are done, as the bar says it
}

func newRedrawn(out *console, c counts) *redrawn {
	r := &redrawn{out: out, blank: true}
	size, widths := int64(1), []int{roomForTime, roomForSizes, 0} // update tells the size
	if c.unknown {
		size, widths = -1, []int{roomForTime, 0}
	}
	for _, from := range widths {
		l := &layout{from: from, bar: newBar(out.errFile, size, from)}
		l.bar.StartWithoutRender() // the rate counts from here
		r.layouts = append(r.layouts, l)
	}
	out.lock()
	defer out.unlock()
	out.bar = r
	return r
}

func (*redrawn) every() time.Duration { return 100 * time.Millisecond }

// The columns from which there is room for each part of the line.
const (
	roomForBar   = 30 // and the rate
	roomForFiles = 40 // also for the sizes of a job of unknown size
	roomForSizes = 60
	roomForTime  = 72
)

// newBar makes a bar of some bytes, -1 if unknown, with what there is room for
// in so many columns. The library syncs a file at each write, which a terminal
// refuses at once, and fits the bar itself to the terminal's width.
func newBar(terminal *os.File, size int64, width int) *progressbar.ProgressBar {
	options := []progressbar.Option{
		progressbar.OptionSetWriter(terminal),
		progressbar.OptionSetWidth(40),
		progressbar.OptionShowBytes(true),
		progressbar.OptionUseIECUnits(true),
		progressbar.OptionSetPredictTime(width >= roomForTime),
		progressbar.OptionSetElapsedTime(width >= roomForTime || size < 0),
		progressbar.OptionSpinnerType(14),
		progressbar.OptionSetSpinnerChangeInterval(0), // otherwise it starts a goroutine
		progressbar.OptionUseANSICodes(runtime.GOOS != "windows"),
	}
	if width >= roomForSizes || size < 0 {
		options = append(options, progressbar.OptionShowCount())
	}
	return progressbar.NewOptions64(size, options...)
}

// layout returns the one for a width.
func (r *redrawn) layout(width int) *layout {
	i := slices.IndexFunc(r.layouts, func(l *layout) bool { return l.from <= width })
	return r.layouts[i] // the last is for every width
}

// drawSlim draws the line of a terminal without room for a bar, and tells
// whether it is one.
func (r *redrawn) drawSlim(c counts, width int) bool {
	if width >= roomForFiles || width >= roomForBar && !c.unknown {
		return false
	}
	_, _ = r.out.errFile.WriteString(eraseLine(width) + slimLine(c, width))
	return true
}

// slimLine returns how far a job is and how fast, as much as there is room for.
func slimLine(c counts, width int) string {
	far := humanBytes(c.moved)
	if !c.unknown {
		percent := int64(100)
		if total := max(c.bytes, c.moved); total > 0 {
			percent = int64(float64(c.moved) / float64(total) * 100)
		}
		far = fmt.Sprintf("%d%%", percent)
	}
	for _, line := range []string{far + " " + c.rate(), far} {
		if len(line) < width {
			return line
		}
	}
	return ""
}

// update draws the bar. The library ends a bar for good when it reaches its
// maximum, and the maximum of a tree grows while the tree is read: so the
// maximum is kept one byte out of reach until the job is done.
func (r *redrawn) update(c counts) {
	r.out.lock()
	defer r.out.unlock()
	if !c.unknown && c.bytes == 0 {
		return // nothing is known yet of what there is to do
	}
	r.blank = false
	width := terminalWidth(r.out.errFile)
	if r.drawSlim(c, width) {
		return
	}
	l := r.layout(roomFor(c, width))
	if !c.unknown {
		l.bar.ChangeMax64(max(c.bytes, c.moved) + 1)
	}
	_ = l.bar.Set64(c.moved) // fails only at the maximum
	l.describe(c, width)
	if l != r.drawn || width != r.width {
		_ = l.bar.RenderBlank() // draws it as it is; the others draw a change only
	}
	r.drawn, r.width = l, width
}

// roomFor is the width that a layout is chosen for: while nothing moves there is none with
// the time left, of which the library would say that it is 0.
func roomFor(c counts, width int) int {
	if c.rests() && !c.unknown {
		return min(width, roomForTime-1)
	}
	return width
}

func (l *layout) describe(c counts, width int) {
	room := 0
	switch { // what the other parts leave where they are at their longest
	case width >= roomForTime:
		room = width - 53
	case width >= roomForSizes:
		room = width - 44
	case width >= roomForFiles:
		room = width - 28
	}
	text := fmt.Sprintf("%d/%d files ", c.filesDone, c.files)
	if c.files <= 1 || len(text) > room {
		text = ""
	}
	if text != l.files {
		l.files = text
		l.bar.Describe(text)
	}
}

// finish leaves a full bar, or none where the job failed.
func (r *redrawn) finish(c counts, well bool) {
	if well {
		r.update(c)
	}
	r.out.lock()
	defer r.out.unlock()
	r.out.bar = nil
	if !well || c.filesDone == 0 {
		r.clear()
		return
	}
	if c.unknown {
		c.bytes, c.unknown = c.moved, false // now it is known
	}
	width := terminalWidth(r.out.errFile)
	if r.drawSlim(c, width) {
		_, _ = r.out.errFile.WriteString("\n")
		return
	}
	l := r.layout(width)
	if c.moved == 0 {
		l = &layout{bar: emptyBar(r.out.errFile)}
		l.describe(c, width)
	} else {
		l.bar.ChangeMax64(c.moved)
	}
	_ = l.bar.Finish() // fails only where standard error does
	_, _ = r.out.errFile.WriteString("\n")
}

// emptyBar makes the bar of a job that had no bytes to move: the library has
// no bar of length 0, and 1 byte would be a lie.
func emptyBar(terminal *os.File) *progressbar.ProgressBar {
	return progressbar.NewOptions64(1,
		progressbar.OptionSetWriter(terminal),
		progressbar.OptionSetPredictTime(false),
		progressbar.OptionUseANSICodes(runtime.GOOS != "windows"),
	)
}

// clear takes the bar off the screen until it is drawn again.
func (r *redrawn) clear() {
	if r.blank {
		return
	}
	r.blank = true
	_, _ = r.out.errFile.WriteString(eraseLine(terminalWidth(r.out.errFile)))
}

// eraseLine returns what blanks the line the cursor is in.
func eraseLine(width int) string {
	if runtime.GOOS != "windows" {
		return "\r\x1b[2K" // ECMA-48, EL 2
	}
	return fmt.Sprintf("\r%*s\r", width-1, "")
}
