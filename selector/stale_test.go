//go:build unix

package selector_test

import (
	"testing"

	"ftpd/selector"
)

// The handler of one event replaces the descriptor of the other: closes it, and
// registers a new one under its number.
func TestReplacedInsideBatch(t *testing.T) {
	eachKind(t, func(f *fixture) {
		a, b := f.pair()
		c, d := f.pair()
		f.register(a, selector.Read, "old")
		f.register(c, selector.Read, "old")
		f.write(b, "x")
		f.write(d, "x")
		events := f.await()
		f.wantEvents(events, ready{a: selector.Read, c: selector.Read})

		victim := events[1].Key
		f.unregister(victim.FD())
		if victim.Valid() {
			f.Error("key is valid after Unregister")
		}
		f.replace(victim.FD(), events[0].Key.FD())
		renewed := f.register(victim.FD(), selector.Write, "new")
		if victim.Valid() || events[1].Key == renewed {
			f.Error("the old event passes for one of the new registration")
		}
		f.wantReady(ready{events[0].Key.FD(): selector.Read, renewed.FD(): selector.Write})
	})
}

func TestModifiedInsideBatch(t *testing.T) {
	eachKind(t, func(f *fixture) {
		a, b := f.pair()
		f.register(a, both, nil)
		f.write(b, "x")
		event := f.await()[0]
		_, err := f.s.Modify(a, selector.Write, nil)
		f.must(err)
		if still := event.Ready & event.Key.Interest(); !event.Key.Valid() || still != selector.Write {
			f.Errorf("of %s there is left %s, want write", event.Ready, still)
		}
	})
}

// orphan registers a descriptor and closes it before it is unregistered, while
// a duplicate keeps the file open. It returns the number and the duplicate.
func (f *fixture) orphan() (number, duplicate int) {
	f.Helper()
	a, b := f.pair()
	f.write(b, "x")
	f.register(a, selector.Read, "orphan")
	duplicate = f.dup(a, 0)
	f.close(a)
	f.unregister(a)
	return a, duplicate
}

// The kernel may report the orphan once. It is dropped, and Select does not spin
// on it afterwards.
func TestOrphan(t *testing.T) {
	eachKind(t, func(f *fixture) {
		c, d := f.pair()
		f.register(c, selector.Read, "live")
		f.orphan()
		f.wantReady(ready{})
		stale := f.s.Stale()
		if f.isEpoll() && stale != 1 {
			f.Errorf("Stale is %d, want 1", stale)
		}
		f.write(d, "x")
		for range 3 {
			f.wantReady(ready{c: selector.Read})
		}
		if f.s.Stale() != stale {
			f.Errorf("Stale went from %d to %d: the orphan is still watched", stale, f.s.Stale())
		}
		f.read(c)
		f.must(f.s.Wake())
		f.wantWoken() // in the new set too
	})
}

// Events of the orphan are not taken for the new registration of its number.
func TestOrphanNumberReused(t *testing.T) {
	eachKind(t, func(f *fixture) {
		number, duplicate := f.orphan()
		e, g := f.pair()
		f.close(e)
		if got := f.dup(g, number); got != number {
			f.Fatalf("the number %d was not free", number)
		}
		f.register(number, both, "new")
		f.wantReady(ready{number: both}) // g's peer is closed
		f.read(duplicate)
		f.wantReady(ready{number: both})
		if f.isEpoll() && f.s.Stale() != 1 {
			f.Errorf("Stale is %d, want 1", f.s.Stale())
		}
	})
}

// The orphan comes back under its number: epoll still has that very entry.
func TestOrphanReturns(t *testing.T) {
	eachKind(t, func(f *fixture) {
		number, duplicate := f.orphan()
		if got := f.dup(duplicate, number); got != number {
			f.Fatalf("the number %d was not free", number)
		}
		f.register(number, both, "again")
		f.wantReady(ready{number: both})
		if f.s.Stale() != 0 {
			f.Errorf("Stale is %d, want 0", f.s.Stale())
		}
	})
}

// A registered descriptor that was closed must not keep the set from being built
// anew (with epoll the new set itself may take its number), nor one whose number
// became a regular file.
func TestOrphanBesideClosed(t *testing.T) {
	eachKind(t, func(f *fixture) {
		a, b := f.pair()
		c, _ := f.pair()
		f.register(a, selector.Read, nil)
		f.register(c, selector.Read, nil)
		live, peer := f.pair()
		f.register(live, selector.Read, nil)
		f.orphan()
		file := f.regularFile()
		f.replace(c, file)
		f.close(a)
		f.poll()
		f.write(peer, "x")
		f.poll()
		f.unregister(a)
		f.unregister(c)
		f.wantReady(ready{live: selector.Read})
		if f.s.Stale() > 1 {
			f.Errorf("Stale is %d: the orphan is still watched", f.s.Stale())
		}
		f.close(b)
	})
}
