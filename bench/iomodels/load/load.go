//go:build linux

// Package load is the client side of the measurement: one thread that keeps many
// connections open, lets some of them ask and wait for the answer over and over,
// and takes the time of each exchange. It runs in a process of its own, which
// takes commands and gives reports as JSON, a line each.
package load

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"
)

// LineSize is how many bytes one request has, the newline at its end included.
const LineSize = 64

// A Command is something to be done; what is zero is left out.
type Command struct {
	// Idle is how many connections to open, besides those that are. Each has one
	// exchange and then stays silent.
	Idle int `json:",omitempty"`
	// Active is how many more to open for the time of Warm and Measure, each with
	// one request under way at any time. Only what ends in Measure counts.
	Active        int           `json:",omitempty"`
	Warm, Measure time.Duration `json:",omitempty"`
	// Heavy is how many of a further kind there are meanwhile, whose every request
	// takes the server long. They are not counted.
	Heavy int `json:",omitempty"`
	// PID is the server's process, of which the usage is reported.
	PID int `json:",omitempty"`
}

// A Report is what came of a command.
type Report struct {
	Opened   int // connections of this command that had an answer
	Requests int // answered while it was measured
	Elapsed  time.Duration
	P50, P99 time.Duration
	// What the server used while it was measured.
	CPU    time.Duration
	Calls  int64 // of the read and the write family
	Sleeps int64 // below zero: not counted
	// Trouble says why not all connections were opened or had an answer.
	Trouble string `json:",omitempty"`
	// Failed says that nothing could be done.
	Failed string `json:",omitempty"`
}

// Serve does what it is told until its input ends. Its connections are reset
// then, so that neither side keeps a port in TIME_WAIT.
func Serve(address string, in io.Reader, out io.Writer) error {
	server, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("load: %w", err)
	}
	g, err := newGenerator(server)
	if err != nil {
		return fmt.Errorf("load: %w", err)
	}
	commands, reports := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var c Command
		err := commands.Decode(&c)
		switch {
		case errors.Is(err, io.EOF):
			return g.close()
		case err != nil:
			return errors.Join(fmt.Errorf("load: command: %w", err), g.close())
		}
		report, err := g.do(c)
		if err != nil {
			report.Failed = err.Error()
		}
		if err := reports.Encode(report); err != nil {
			return errors.Join(fmt.Errorf("load: report: %w", err), g.close())
		}
	}
}
