//go:build unix

package selector_test

import (
	"fmt"
	"testing"

	"ftpd/selector"

	"golang.org/x/sys/unix"
)

// A turn of a loop, a wake included, allocates nothing.
func TestSelectAllocatesNothing(t *testing.T) {
	eachKind(t, func(f *fixture) {
		a, b := f.pair()
		f.register(a, selector.Read, nil)
		f.register(b, selector.Write, nil)
		buf := []byte{1}
		var events []selector.Event
		turn := func() {
			if _, err := unix.Write(b, buf); err != nil {
				t.Fatal(err)
			}
			if err := f.s.Wake(); err != nil {
				t.Fatal(err)
			}
			var err error
			if events, err = f.s.Select(events, -1); err != nil || len(events) != 2 {
				t.Fatal(events, err)
			}
			for _, interest := range []selector.Interest{selector.Write, selector.Read} {
				if _, err := f.s.Modify(a, interest, nil); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := unix.Read(a, buf); err != nil {
				t.Fatal(err)
			}
		}
		if allocs := testing.AllocsPerRun(100, turn); allocs != 0 {
			f.Errorf("a turn allocates %v times, want 0", allocs)
		}
	})
}

// BenchmarkSelect has one active descriptor among many idle ones.
func BenchmarkSelect(b *testing.B) {
	for _, kind := range selector.Kinds() {
		for _, idle := range []int{1, 128, 1000} {
			b.Run(fmt.Sprintf("%s/idle=%d", kind, idle), func(b *testing.B) { benchmarkSelect(b, kind, idle) })
		}
	}
}

func benchmarkSelect(b *testing.B, kind selector.Kind, idle int) {
	s, err := selector.Open(kind)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	for i := range idle + 1 {
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		if err != nil {
			b.Fatal(err)
		}
		defer unix.Close(fds[0])
		defer unix.Close(fds[1])
		if _, err := s.Register(fds[0], selector.Read, nil); err != nil {
			b.Fatal(err)
		}
		if i == idle {
			if _, err := unix.Write(fds[1], []byte{1}); err != nil {
				b.Fatal(err)
			}
		}
	}
	var events []selector.Event
	b.ReportAllocs()
	for b.Loop() {
		if events, err = s.Select(events, -1); err != nil || len(events) == 0 {
			b.Fatal(len(events), err)
		}
	}
}

// BenchmarkWake is a wake and the Select that it ends.
func BenchmarkWake(b *testing.B) {
	s, err := selector.New()
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Wake(); err != nil {
			b.Fatal(err)
		}
		if _, err := s.Select(nil, -1); err != nil {
			b.Fatal(err)
		}
	}
}
