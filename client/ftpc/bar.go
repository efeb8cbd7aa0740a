package main

import (
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/schollz/progressbar/v3"
)

// redrawn is the bar: one line of a terminal, drawn again and again. All its
// drawing is done under the console's lock.
type redrawn struct {
	out   *console
	bar   *progressbar.ProgressBar
	files string // how many of them are done, as the bar says it
	blank bool   // nothing of it is on the screen
}

func newRedrawn(out *console, c counts) *redrawn {
	size := int64(1) // update tells it
	if c.unknown {
		size = -1
	}
	r := &redrawn{out: out, bar: newBar(out.errFile, size), blank: true}
	r.bar.StartWithoutRender() // the rate counts from here
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

// newBar makes a bar of some bytes, -1 if unknown. The library syncs a file at
// each write, which a terminal refuses at once, and fits the bar to its width.
func newBar(terminal *os.File, size int64) *progressbar.ProgressBar {
	width := terminalWidth(terminal)
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
		progressbar.OptionThrottle(50 * time.Millisecond),
	}
	if width >= roomForSizes || size < 0 {
		options = append(options, progressbar.OptionShowCount())
	}
	return progressbar.NewOptions64(size, options...)
}

// drawSlim draws the line of a terminal without room for a bar, and tells
// whether it is one.
func (r *redrawn) drawSlim(c counts) bool {
	width := terminalWidth(r.out.errFile)
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
	if r.drawSlim(c) {
		return
	}
	if !c.unknown {
		r.bar.ChangeMax64(max(c.bytes, c.moved) + 1)
	}
	r.describe(c)            // draws, and so comes after what the line says
	_ = r.bar.Set64(c.moved) // fails only at the maximum
}

func (r *redrawn) describe(c counts) {
	width := terminalWidth(r.out.errFile)
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
	if text != r.files {
		r.files = text
		r.bar.Describe(text)
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
	if r.drawSlim(c) {
		_, _ = r.out.errFile.WriteString("\n")
		return
	}
	if c.moved == 0 {
		r.bar, r.files = emptyBar(r.out.errFile), ""
		r.describe(c)
	} else {
		r.bar.ChangeMax64(c.moved)
	}
	_ = r.bar.Finish() // fails only where standard error does
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
