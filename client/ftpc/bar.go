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
	blank bool // nothing of it is on the screen
}

func newRedrawn(out *console, c counts) *redrawn {
	size := int64(1) // update tells it
	if c.unknown {
		size = -1
	}
	r := &redrawn{out: out, bar: newBar(out.errFile, size), blank: true}
	r.bar.StartWithoutRender() // the rate counts from here
	out.mu.Lock()
	defer out.mu.Unlock()
	out.bar = r
	return r
}

func (*redrawn) every() time.Duration { return 100 * time.Millisecond }

// narrow is the number of columns below which a bar has room for nothing but
// its size and rate.
const narrow = 72

// newBar makes a bar of some bytes, -1 if unknown. The library syncs a file at
// each write, which a terminal refuses at once, and fits the bar to its width.
func newBar(terminal *os.File, size int64) *progressbar.ProgressBar {
	width := terminalWidth(terminal)
	return progressbar.NewOptions64(size,
		progressbar.OptionSetWriter(terminal),
		progressbar.OptionSetWidth(min(max(width-narrow, 1), 40)),
		progressbar.OptionShowBytes(true),
		progressbar.OptionUseIECUnits(true),
		progressbar.OptionShowCount(),
		progressbar.OptionSetPredictTime(width >= narrow),
		progressbar.OptionSpinnerType(14),
		progressbar.OptionSetSpinnerChangeInterval(0), // otherwise it starts a goroutine
		progressbar.OptionUseANSICodes(runtime.GOOS != "windows"),
		progressbar.OptionThrottle(50*time.Millisecond),
	)
}

// update draws the bar. The library ends a bar for good when it reaches its
// maximum, and the maximum of a tree grows while the tree is read: so the
// maximum is kept one byte out of reach until the job is done.
func (r *redrawn) update(c counts) {
	r.out.mu.Lock()
	defer r.out.mu.Unlock()
	r.blank = false
	r.describe(c)
	if !c.unknown {
		r.bar.ChangeMax64(max(c.bytes, c.moved) + 1)
	}
	_ = r.bar.Set64(c.moved) // fails only at the maximum
}

func (r *redrawn) describe(c counts) {
	if c.files > 1 && terminalWidth(r.out.errFile) >= narrow {
		r.bar.Describe(fmt.Sprintf("%d/%d files ", c.filesDone, c.files))
	}
}

// finish leaves a full bar, or none where the job failed.
func (r *redrawn) finish(c counts, well bool) {
	if well {
		r.update(c)
	}
	r.out.mu.Lock()
	defer r.out.mu.Unlock()
	r.out.bar = nil
	if !well || c.filesDone == 0 {
		r.clear()
		return
	}
	if c.moved == 0 {
		r.bar = emptyBar(r.out.errFile)
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
