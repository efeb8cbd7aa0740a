// Package fault damages what passes a relay between a client and a server, in ways
// that a seed repeats: the same seed does the same to the same frames.
package fault

import (
	"errors"
	"io"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"ftpd/internal/trial"
	"ftpd/protocol"
)

// Kind is what happens to a frame, or to a part of it.
type Kind uint8

// The kinds of faults.
const (
	Flip      Kind = iota // one to three bits are inverted
	Drop                  // it is lost, whole or in part
	Duplicate             // it comes twice, whole or in part
	Truncate              // the connection ends in the middle of it
	Reorder               // it comes behind the next one
	Delay                 // it comes later, and so does all that follows
)

// Kinds is how many kinds there are.
const Kinds = int(Delay) + 1

// String returns the name of the kind, in lower case.
func (k Kind) String() string {
	return [Kinds]string{"flip", "drop", "duplicate", "truncate", "reorder", "delay"}[k]
}

// Plan says what is to be damaged. Its zero value damages nothing.
type Plan struct {
	Seed  uint64
	Every int64         // bytes for one fault on average; 0 is no fault
	Kinds []Kind        // nil is all of them
	Most  int64         // faults in all, on all connections; 0 is any number
	Skip  int           // frames of each way that pass unharmed first
	Delay time.Duration // the longest delay

	Up, Down bool // from the client, from the server; neither is both
	Blocks   bool // DATA alone, and of it the bytes: no flip is in what is around them
}

// Faults carries out a plan on the connections of one relay.
type Faults struct {
	plan   Plan
	begun  atomic.Int64
	counts [Kinds]atomic.Int64
}

// New returns the faults of a plan: for Relay.SetFilter.
func New(plan Plan) *Faults {
	if plan.Kinds == nil {
		for k := range Kinds {
			plan.Kinds = append(plan.Kinds, Kind(k))
		}
	}
	if !plan.Up && !plan.Down {
		plan.Up, plan.Down = true, true
	}
	return &Faults{plan: plan}
}

// Count returns how many faults of a kind there were so far.
func (f *Faults) Count(k Kind) int64 { return f.counts[k].Load() }

// Total returns how many faults there were so far.
func (f *Faults) Total() (n int64) {
	for k := range Kinds {
		n += f.Count(Kind(k))
	}
	return n
}

// Filter returns the filter of one way of a connection, or nil where nothing is to
// be damaged. Connections are numbered as they come.
func (f *Faults) Filter(connection int, up bool) trial.Filter {
	if f.plan.Every == 0 || up && !f.plan.Up || !up && !f.plan.Down {
		return nil
	}
	stream := 2 * uint64(connection)
	if up {
		stream++
	}
	return &way{faults: f, random: rand.New(rand.NewPCG(f.plan.Seed, stream))}
}

// way is one direction of a connection. It knows where frames begin, so that a fault
// can be that of a whole one.
type way struct {
	faults  *Faults
	random  *rand.Rand
	pending []byte // of a frame that is not whole
	held    []byte // comes behind the next frame
	frames  int    // that have passed
}

var errTruncated = errors.New("the plan ends the connection here")

// Filter is part of trial.Filter.
func (w *way) Filter(to io.Writer, b []byte) error {
	w.pending = append(w.pending, b...)
	for {
		n := frameLen(w.pending)
		if n == 0 || n > len(w.pending) {
			return nil
		}
		frame := w.pending[:n]
		if err := w.pass(to, frame); err != nil {
			return err
		}
		w.pending = append(w.pending[:0], w.pending[n:]...)
	}
}

// End is part of trial.Filter: what is left comes as it is.
func (w *way) End(to io.Writer) error {
	_, err := to.Write(append(w.held, w.pending...))
	return err
}

// frameLen returns the size of the frame that b begins with, 0 where that cannot be
// known yet, and all of b where it is no frame.
func frameLen(b []byte) int {
	switch {
	case len(b) > 0 && b[0] != protocol.Version:
		return len(b)
	case len(b) < protocol.HeaderLen:
		return 0
	}
	return protocol.FrameLen(b)
}

func isData(frame []byte) bool { return protocol.Opcode(frame[1]) == protocol.OpData }

// pass hands a frame on, harmed or not.
func (w *way) pass(to io.Writer, frame []byte) error {
	w.frames++
	plan := &w.faults.plan
	chance := float64(len(frame)) / float64(plan.Every)
	hit := w.random.Float64() < chance // drawn in any case, so that the rest of the plan stays what it is
	if !hit || w.frames <= plan.Skip || plan.Blocks && !isData(frame) {
		return w.emit(to, frame)
	}
	if n := w.faults.begun.Add(1); plan.Most > 0 && n > plan.Most {
		return w.emit(to, frame)
	}
	kind := plan.Kinds[w.random.IntN(len(plan.Kinds))]
	w.faults.counts[kind].Add(1)
	return w.harm(to, kind, frame)
}

// emit writes a frame, and behind it what was held back for it.
func (w *way) emit(to io.Writer, frame []byte) error {
	if w.held != nil {
		frame = append(append([]byte(nil), frame...), w.held...)
		w.held = nil
	}
	_, err := to.Write(frame)
	return err
}

func (w *way) harm(to io.Writer, kind Kind, frame []byte) error {
	from, end := w.piece(len(frame))
	around := 0
	if w.faults.plan.Blocks {
		around = protocol.DataOverhead
	}
	switch kind {
	case Flip:
		for range 1 + w.random.IntN(3) {
			frame[around+w.random.IntN(len(frame)-around)] ^= 1 << w.random.IntN(8)
		}
	case Drop:
		frame = append(frame[:from:from], frame[end:]...)
	case Duplicate:
		frame = append(frame[:end:end], frame[from:]...)
	case Truncate:
		_ = w.emit(to, frame[:from]) // the end comes in any case
		return errTruncated
	case Reorder:
		if w.held == nil {
			w.held = append([]byte(nil), frame...)
			return nil
		}
	case Delay:
		time.Sleep(time.Duration(w.random.Int64N(int64(w.faults.plan.Delay) + 1)))
	}
	return w.emit(to, frame)
}

// piece draws the part of a frame that a fault hits: every other time it is all.
func (w *way) piece(size int) (from, end int) {
	if w.random.IntN(2) == 0 {
		return 0, size
	}
	from = w.random.IntN(size)
	return from, from + 1 + w.random.IntN(size-from)
}
