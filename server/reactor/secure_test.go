//go:build unix

package reactor

import (
	"math"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestCostOfRecords: a turn ends behind records that brought next to nothing, each of which may
// have cost a derivation of keys, and not behind those of a transfer.
func TestCostOfRecords(t *testing.T) {
	for _, c := range []struct {
		name       string
		fetched, n int
		want       int
	}{
		{"nothing new", 0, 5000, 5000},
		{"full records", MediumBuffer, MediumBuffer - 5*22, MediumBuffer - 5*22},
		{"the beginning of a record", 16 << 10, 100, 100},
		{"small records", 40_000, 20_000, 20_000},
		{"a flood of key updates", MediumBuffer, 1, math.MaxInt},
		{"and with bytes that fill two records nearly", MediumBuffer, 31_000, math.MaxInt},
		{"and with some bytes among them", MediumBuffer, 20_000, math.MaxInt},
	} {
		s := &secure{fetched: c.fetched}
		if got := s.Cost(c.n); got != c.want {
			t.Errorf("%s: %d", c.name, got)
		}
	}
}

// TestFlushMoves: a record that leaves by and by is a transfer that moves, and an answer to
// KeyUpdate none, or who asks for one now and then would never be idle.
func TestFlushMoves(t *testing.T) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = unix.Close(fds[0]), unix.Close(fds[1]) }()
	loop := &Loop{buffers: buffers{limit: minMemory}, epoch: time.Now()}
	loop.now = loop.epoch.Add(time.Minute)
	for _, session := range []bool{true, false} {
		s := &secure{conn: &Conn{loop: loop, fd: int32(fds[0])}, wire: &wire{out: make([]byte, 10)}}
		if session {
			s.sealed = loop.buffers.must(0)
		}
		if err := s.Flush(); err != nil {
			t.Fatal(err)
		}
		if moved := s.conn.moved != 0; moved != session {
			t.Errorf("of the session: %t; moved: %t", session, moved)
		}
	}
}
