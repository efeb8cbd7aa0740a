//go:build unix

package selector_test

import (
	"errors"
	"runtime"
	"sync"
	"testing"
	"time"

	"ftpd/selector"

	"golang.org/x/sys/unix"
)

func TestWakeBeforeSelect(t *testing.T) {
	eachKind(t, func(f *fixture) {
		for range 3 {
			f.must(f.s.Wake())
			f.must(f.s.Wake())
			f.wantWoken()
		}
	})
}

// Each round must end, whether the wake comes before the wait, in it, or just
// after the last one.
func TestWakeDuringSelect(t *testing.T) {
	eachKind(t, func(f *fixture) {
		const rounds = 500
		turn, done := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			for range rounds {
				turn <- struct{}{}
				if _, err := f.s.Select(nil, -1); err != nil {
					f.Error(err)
				}
			}
		}()
		for range rounds {
			<-turn
			f.must(f.s.Wake())
		}
		f.finish(done)
	})
}

func TestWakeIsUsedUp(t *testing.T) {
	eachKind(t, func(f *fixture) {
		f.must(f.s.Wake())
		f.wantReady(ready{})
		start := time.Now()
		const wait = 5 * time.Millisecond
		calls := 0
		for ; time.Since(start) < wait; calls++ {
			_, err := f.s.Select(nil, wait)
			f.must(err)
		}
		if calls > 50 {
			f.Errorf("%d selects within 5 ms: the wake is still pending", calls)
		}
	})
}

func TestWakeBesideEvents(t *testing.T) {
	eachKind(t, func(f *fixture) {
		a, b := f.pair()
		f.register(a, selector.Read, nil)
		f.write(b, "x")
		f.must(f.s.Wake())
		f.wantReady(ready{a: selector.Read})
		f.read(a)
		f.wantReady(ready{})
	})
}

// Many goroutines each count up and wake; no count may be left unseen by a loop
// that waits for ever.
func TestWakeStorm(t *testing.T) {
	eachKind(t, func(f *fixture) {
		const wakers, wakes = 16, 500
		var mu sync.Mutex
		posted := 0
		var all sync.WaitGroup
		for range wakers {
			all.Go(func() {
				for range wakes {
					mu.Lock()
					posted++
					mu.Unlock()
					if err := f.s.Wake(); err != nil {
						f.Error(err)
					}
				}
			})
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			for seen := 0; seen < wakers*wakes; {
				if _, err := f.s.Select(nil, -1); err != nil {
					f.Error(err)
					return
				}
				mu.Lock()
				seen = posted
				mu.Unlock()
			}
		}()
		f.finish(done)
		all.Wait()
	})
}

// Goroutines wake while the Selector is closed and its numbers are taken by a
// new socket pair at once. No wake may write there.
func TestWakeRacesWithClose(t *testing.T) {
	eachKind(t, func(f *fixture) {
		for range 50 {
			s, err := selector.Open(f.s.Kind())
			f.must(err)
			var all sync.WaitGroup
			for range 4 {
				all.Go(func() {
					var err error
					for err == nil {
						err = s.Wake()
						runtime.Gosched() // on one processor the owner would starve
					}
					if !errors.Is(err, selector.ErrClosed) {
						f.Error(err)
					}
				})
			}
			_, err = s.Select(nil, -1)
			f.must(err)
			f.must(s.Close())
			a, b := f.pair()
			c, d := f.pair()
			all.Wait()
			taken := []int{a, b, c, d}
			for _, fd := range taken {
				if n, err := unix.Read(fd, make([]byte, 8)); err != unix.EAGAIN {
					f.Errorf("a wake wrote to descriptor %d of another: read %d, %v", fd, n, err)
				}
			}
			for _, fd := range taken {
				f.close(fd)
			}
		}
	})
}
