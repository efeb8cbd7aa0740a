package selector_test

import (
	"testing"

	"ftpd/selector"

	"golang.org/x/sys/unix"
)

// What is different from level-triggered: what was reported is not reported again
// until it changes, or is armed anew.
func TestEdgeTriggered(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(f *fixture, a, b int)
		want   selector.Interest // on top of the first report of readable a
	}{
		{"nothing", func(*fixture, int, int) {}, 0},
		{"a part read", func(f *fixture, a, _ int) { f.readSome(a, 1) }, 0},
		{"more arrives, unread", func(f *fixture, _, b int) { f.write(b, "more") }, selector.Read},
		{"drained, then more", func(f *fixture, a, b int) {
			f.read(a)
			f.write(b, "more")
		}, selector.Read},
		{"the peer shuts down", func(f *fixture, _, b int) { f.must(unix.Shutdown(b, unix.SHUT_WR)) }, selector.Read},
		{"the peer closes", func(f *fixture, _, b int) { f.close(b) }, selector.Read},
		{"data modified", func(f *fixture, a, _ int) {
			_, err := f.s.Modify(a, selector.Read, "other")
			f.must(err)
		}, selector.Read},
		{"interest modified", func(f *fixture, a, _ int) {
			_, err := f.s.Modify(a, both, nil)
			f.must(err)
		}, both},
		{"registered anew", func(f *fixture, a, _ int) {
			f.unregister(a)
			f.register(a, selector.Read, nil)
		}, selector.Read},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFixture(t, selector.EpollET)
			a, b := f.pair()
			f.register(a, selector.Read, nil)
			f.write(b, "first")
			f.wantEvents(f.poll(), ready{a: selector.Read})
			test.change(f, a, b)
			want := ready{}
			if test.want != 0 {
				want[a] = test.want
			}
			f.wantEvents(f.poll(), want)
			f.wantEvents(f.poll(), ready{})
		})
	}
}

// A full descriptor is reported as writable once its reader made room, and not
// before.
func TestEdgeTriggeredWrite(t *testing.T) {
	f := newFixture(t, selector.EpollET)
	a, b := f.pair()
	f.register(a, selector.Write, nil)
	f.wantEvents(f.poll(), ready{a: selector.Write})
	f.wantEvents(f.poll(), ready{})
	f.fill(a)
	f.wantEvents(f.poll(), ready{})
	f.drain(b)
	f.wantEvents(f.poll(), ready{a: selector.Write})
	f.wantEvents(f.poll(), ready{})
}
