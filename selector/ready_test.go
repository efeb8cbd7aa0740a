//go:build unix

package selector_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"ftpd/selector"

	"golang.org/x/sys/unix"
)

func TestReadiness(t *testing.T) {
	eachKind(t, func(f *fixture) {
		a, b := f.pair()
		f.register(a, both, "a")
		f.register(b, selector.Read, "b")
		f.wantReady(ready{a: selector.Write})
		f.write(a, "question")
		f.wantReady(ready{a: selector.Write, b: selector.Read})
		f.wantReady(ready{a: selector.Write, b: selector.Read}) // level-triggered
		f.read(b)
		f.wantReady(ready{a: selector.Write})
		f.write(b, "answer")
		f.wantReady(ready{a: both})
		f.fill(a)
		f.wantReady(ready{a: selector.Read, b: selector.Read})
		f.read(a)
		f.wantReady(ready{b: selector.Read})
	})
}

func TestEventCarriesKey(t *testing.T) {
	eachKind(t, func(f *fixture) {
		a, _ := f.pair()
		key := f.register(a, selector.Write, "data")
		events := f.await()
		if len(events) != 1 || events[0].Key != key {
			f.Errorf("events are %v, want one with the key that Register returned", events)
		}
	})
}

// TestPingPong passes messages in a random order over twelve pairs and compares
// every batch with what was sent: nothing false and nothing missed.
func TestPingPong(t *testing.T) {
	eachKind(t, func(f *fixture) {
		const pairs, rounds = 12, 200
		peer := map[int]int{}
		var fds []int
		for range pairs {
			a, b := f.pair()
			peer[a], peer[b] = b, a
			fds = append(fds, a, b)
			f.register(a, selector.Read, nil)
			f.register(b, selector.Read, nil)
		}
		random := rand.New(rand.NewPCG(1, 2))
		for range rounds {
			want := ready{}
			for _, fd := range fds {
				if random.IntN(2) == 0 {
					f.write(fd, "ping")
					want[peer[fd]] = selector.Read
				}
			}
			events := f.poll()
			f.wantEvents(events, want)
			for _, event := range events {
				f.read(event.Key.FD())
			}
		}
		f.wantReady(ready{})
	})
}

func TestDuplicates(t *testing.T) {
	eachKind(t, func(f *fixture) {
		a, b := f.pair()
		c := f.dup(a, 0)
		f.register(a, both, nil)
		f.register(c, selector.Read, nil)
		f.wantReady(ready{a: selector.Write})
		f.write(b, "x")
		f.wantReady(ready{a: both, c: selector.Read})
		f.unregister(a)
		f.close(a)
		f.wantReady(ready{c: selector.Read})
		f.read(c)
		f.wantReady(ready{})
	})
}

// TestHangUp uses pipes: the writing end of a full one is not writable, so when
// its reader goes there is an error and nothing else to report.
func TestHangUp(t *testing.T) {
	for _, test := range []struct {
		name     string
		interest selector.Interest
		want     selector.Interest
	}{
		{"interest read", selector.Read, selector.Read},
		{"interest write", selector.Write, selector.Write},
	} {
		t.Run(test.name, func(t *testing.T) {
			eachKind(t, func(f *fixture) {
				r, w := f.pipe()
				f.fill(w)
				f.register(w, test.interest, nil)
				f.wantReady(ready{})
				f.close(r)
				f.wantReady(ready{w: test.want})
			})
		})
	}
	t.Run("reading end", func(t *testing.T) {
		eachKind(t, func(f *fixture) {
			r, w := f.pipe()
			f.register(r, selector.Read, nil)
			f.wantReady(ready{})
			f.close(w)
			f.wantReady(ready{r: selector.Read})
		})
	})
}

func TestHangUpIsRead(t *testing.T) {
	eachKind(t, func(f *fixture) {
		r, w := f.pipe()
		f.fill(w)
		f.register(w, both, nil)
		f.close(r)
		events := f.poll()
		if len(events) != 1 || events[0].Ready&selector.Read == 0 {
			f.Errorf("events are %v, want one with Read", events)
		}
	})
}

// A peer that shut down its writing side can still be written to.
func TestHalfClose(t *testing.T) {
	eachKind(t, func(f *fixture) {
		a, b := f.pair()
		f.fill(a)
		f.register(a, selector.Write, nil)
		f.must(unix.Shutdown(b, unix.SHUT_WR))
		f.wantReady(ready{})
		_, err := f.s.Modify(a, both, nil)
		f.must(err)
		f.wantReady(ready{a: selector.Read})
	})
}

func TestSelectEmpty(t *testing.T) {
	eachKind(t, func(f *fixture) {
		f.wantReady(ready{})
		const wait = 5 * time.Millisecond
		start := time.Now()
		for time.Since(start) < wait {
			events, err := f.s.Select(nil, wait-time.Since(start)+1)
			f.must(err)
			f.wantEvents(events, ready{})
		}
	})
}

// A timeout ends, not before its time and not much later.
func TestTimeoutEnds(t *testing.T) {
	eachKind(t, func(f *fixture) {
		const wait = 200 * time.Millisecond
		start := time.Now()
		for calls := 0; time.Since(start) < wait; calls++ {
			events, err := f.s.Select(nil, wait)
			f.must(err)
			f.wantEvents(events, ready{})
			if calls > 1000 {
				f.Fatal("it does not wait")
			}
		}
		if took := time.Since(start); took > 3*time.Second {
			f.Errorf("a wait of %v took %v", wait, took)
		}
	})
}

// A negative timeout waits until something happens: a signal may end it, too, but
// not a thousand times.
func TestNegativeTimeoutWaits(t *testing.T) {
	eachKind(t, func(f *fixture) {
		for _, timeout := range []time.Duration{-1, math.MinInt64} {
			var stop atomic.Bool
			calls := make(chan int, 1)
			go func() {
				n := 0
				for ; !stop.Load(); n++ {
					if _, err := f.s.Select(nil, timeout); err != nil {
						f.Error(err)
						break
					}
				}
				calls <- n
			}()
			<-time.After(20 * time.Millisecond)
			stop.Store(true)
			f.must(f.s.Wake())
			if n := <-calls; n > 1000 {
				f.Errorf("%d selects of %d ns within 20 ms", n, timeout)
			}
			f.poll() // the wake may have come after the last one
		}
	})
}

// A level-triggered kind reports until it is dealt with.
func TestLevelTriggered(t *testing.T) {
	for _, kind := range selector.Kinds() {
		if kind.EdgeTriggered() {
			continue
		}
		t.Run(kind.String(), func(t *testing.T) {
			f := newFixture(t, kind)
			a, b := f.pair()
			f.register(a, both, nil)
			f.write(b, "two")
			for range 3 {
				f.wantEvents(f.poll(), ready{a: both})
			}
			f.readSome(a, 1)
			f.wantEvents(f.poll(), ready{a: both})
			f.drain(a)
			f.wantEvents(f.poll(), ready{a: selector.Write})
		})
	}
}

// A timeout below the kernel's resolution must wait, not spin: the number of
// selects in 20 ms is that of the units, with room for early returns.
func TestShortTimeoutWaits(t *testing.T) {
	eachKind(t, func(f *fixture) {
		most := 100 // a millisecond each
		switch f.s.Kind() {
		case selector.Select, selector.Kqueue, selector.EventPort:
			most = 20_000 // a microsecond each
		}
		calls := 0
		for start := time.Now(); time.Since(start) < 20*time.Millisecond; calls++ {
			_, err := f.s.Select(nil, time.Nanosecond)
			f.must(err)
		}
		if calls > most {
			f.Errorf("%d selects of 1 ns within 20 ms: they do not wait", calls)
		}
	})
}

func TestLongTimeout(t *testing.T) {
	eachKind(t, func(f *fixture) {
		a, _ := f.pair()
		f.register(a, selector.Write, nil)
		for _, timeout := range []time.Duration{-1, math.MinInt64, math.MaxInt64, 25 * 24 * time.Hour} {
			f.rearm()
			events, err := f.s.Select(nil, timeout)
			f.must(err)
			f.wantEvents(events, ready{a: selector.Write})
		}
	})
}

// Select reuses the caller's slice, and leaves no old key in it.
func TestSelectReusesSlice(t *testing.T) {
	eachKind(t, func(f *fixture) {
		a, b := f.pair()
		f.register(a, selector.Write, nil)
		f.register(b, selector.Write, nil)
		first, err := f.s.Select(make([]selector.Event, 0, 4), 0)
		f.must(err)
		f.wantEvents(first, ready{a: selector.Write, b: selector.Write})
		f.unregister(a)
		f.rearm()
		second, err := f.s.Select(first, 0)
		f.must(err)
		f.wantEvents(second, ready{b: selector.Write})
		if &first[0] != &second[0] {
			f.Error("Select did not append to events[:0]")
		}
		if first[1] != (selector.Event{}) {
			f.Errorf("the slice still holds %v", first[1])
		}
	})
}

// TestMany has more ready descriptors than select(2) knows and than the first
// buffer of epoll holds. Nobody reads, and yet every one has its turn.
func TestMany(t *testing.T) {
	pairs := maxDescriptors(t, 2000) / 2
	if limit := selector.Select.Limit(); 2*pairs < limit {
		t.Skipf("the limit of descriptors is too low for %d", limit)
	}
	eachKind(t, func(f *fixture) {
		var fds []int
		for range pairs {
			a, b := f.pair()
			if limit := f.s.Kind().Limit(); limit > 0 && b >= limit {
				f.wantTooMany(b)
				break
			}
			for _, fd := range []int{a, b} {
				f.register(fd, both, fd)
				f.write(fd, "x")
				fds = append(fds, fd)
			}
		}
		seen := ready{}
		var events []selector.Event
		var err error
		for range 100 {
			f.rearm()
			events, err = f.s.Select(events, 0)
			f.must(err)
			for _, event := range events {
				if event.Ready != both || event.Key.Data() != event.Key.FD() {
					f.Fatalf("event of %d is %v %s", event.Key.FD(), event.Key.Data(), event.Ready)
				}
				seen[event.Key.FD()] = event.Ready
			}
		}
		if len(seen) != len(fds) {
			f.Errorf("saw %d descriptors of %d", len(seen), len(fds))
		}
		if len(events) != len(fds) {
			f.Errorf("the last batch has %d events of %d: the buffer did not grow", len(events), len(fds))
		}
		for fd := range seen {
			f.unregister(fd)
		}
		f.wantReady(ready{})
	})
}

// maxDescriptors raises the limit of open descriptors as far as it may be raised,
// and returns how many of at most n more the process may open.
func maxDescriptors(t *testing.T, n uint64) int {
	t.Helper()
	const others = 200 // what the process has besides
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	raised := limit
	setLimit(&raised.Cur, min(n+others, uint64(limit.Max)))
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &raised); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
			t.Error(err)
		}
	})
	return int(raised.Cur) - others
}

// setLimit sets a limit, whose type is not the same everywhere.
func setLimit[T int64 | uint64](limit *T, n uint64) { *limit = T(n) }

// wantTooMany registers a descriptor beyond the limit of the kind.
func (f *fixture) wantTooMany(fd int) {
	f.Helper()
	before := f.s.Len()
	key, err := f.s.Register(fd, both, nil)
	if key != nil || !errors.Is(err, selector.ErrTooManyFiles) || f.s.Len() != before {
		f.Errorf("descriptor %d: got %v, %v, want ErrTooManyFiles", fd, key, err)
	}
}

// TestTwentyThousand has one active descriptor after the other among 20,000, or as
// many as the process may open. All are duplicates of few sockets: what counts is
// registrations.
func TestTwentyThousand(t *testing.T) {
	n := maxDescriptors(t, 20_000)
	t.Log(n, "descriptors")
	eachKind(t, func(f *fixture) {
		if limit := f.s.Kind().Limit(); limit > 0 {
			f.wantTooMany(f.dup(0, limit))
			return
		}
		quiet, _ := f.pair()
		fds := make([]int, n)
		for i := range fds {
			fds[i] = f.dup(quiet, 0)
			f.register(fds[i], selector.Read, i)
		}
		if f.s.Len() != n {
			f.Errorf("Len is %d, want %d", f.s.Len(), n)
		}
		f.wantReady(ready{})
		for _, i := range []int{0, n / 2, n - 1} {
			f.unregister(fds[i])
			a, b := f.pair()
			f.replace(fds[i], a)
			f.register(fds[i], selector.Read, i)
			f.write(b, "x")
			f.wantEvents(f.await(), ready{fds[i]: selector.Read})
			f.read(a)
		}
		f.wantReady(ready{})
		for _, fd := range fds {
			f.unregister(fd)
		}
	})
}
