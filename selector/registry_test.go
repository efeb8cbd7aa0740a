//go:build unix

package selector_test

import (
	"errors"
	"math"
	"slices"
	"testing"

	"ftpd/selector"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

const both = selector.Read | selector.Write

func TestRegister(t *testing.T) {
	eachKind(t, func(f *fixture) {
		a, b := f.pair()
		keyA, keyB := f.register(a, selector.Read, "a"), f.register(b, both, nil)
		f.wantKey(keyA, a, selector.Read, "a")
		f.wantKey(keyB, b, both, nil)
		if !keyA.Valid() || !keyB.Valid() {
			f.Error("a registered key is not valid")
		}
		if f.s.Len() != 2 {
			f.Errorf("Len is %d, want 2", f.s.Len())
		}
		found, err := f.s.Key(a)
		if err != nil || found != keyA {
			f.Errorf("Key(%d) = %v, %v, want the key that Register returned", a, found, err)
		}
	})
}

func TestRegisterRefuses(t *testing.T) {
	eachKind(t, func(f *fixture) {
		open, closed := f.pair()
		f.close(closed)
		var beyond error = unix.EBADF
		if f.s.Kind().Limit() > 0 {
			beyond = selector.ErrTooManyFiles
		}
		for _, test := range []struct {
			name     string
			fd       int
			interest selector.Interest
			want     error
		}{
			{"negative descriptor", -1, selector.Read, selector.ErrInvalid},
			{"most negative descriptor", math.MinInt, selector.Read, selector.ErrInvalid},
			{"no interest", open, 0, selector.ErrInvalid},
			{"unknown interest", open, 4, selector.ErrInvalid},
			{"known and unknown interest", open, selector.Read | 8, selector.ErrInvalid},
			{"highest interest bit", open, 1 << 7, selector.ErrInvalid},
			{"closed descriptor", closed, selector.Read, unix.EBADF},
			{"number never opened", math.MaxInt32, selector.Read, beyond},
		} {
			f.run(test.name, func(f *fixture) {
				key, err := f.s.Register(test.fd, test.interest, nil)
				if key != nil || !errors.Is(err, test.want) {
					f.Errorf("got %v, %v, want %v", key, err, test.want)
				}
			})
		}
		if f.s.Len() != 0 {
			f.Errorf("Len is %d after refusals, want 0", f.s.Len())
		}
		f.register(open, selector.Read, nil)
	})
}

func TestRegisterTwice(t *testing.T) {
	eachKind(t, func(f *fixture) {
		a, b := f.pair()
		first := f.register(a, selector.Read, "first")
		refused := func(when string) {
			key, err := f.s.Register(a, selector.Write, "second")
			if key != nil || !errors.Is(err, selector.ErrExists) {
				f.Errorf("%s: got %v, %v, want ErrExists", when, key, err)
			}
			f.wantKey(first, a, selector.Read, "first")
		}
		refused("while open")
		f.close(a)
		refused("after close")
		if got := f.dup(b, a); got != a {
			f.Fatalf("the number %d was not free", a)
		}
		refused("after reuse")
		f.unregister(a)
		f.register(a, selector.Write, "second")
		f.wantReady(ready{a: selector.Write})
	})
}

func TestModifyInterest(t *testing.T) {
	eachKind(t, func(f *fixture) {
		a, b := f.pair()
		key := f.register(a, selector.Read, "data")
		f.write(b, "x")
		for _, interest := range []selector.Interest{selector.Write, both, selector.Read, both} {
			modified, err := f.s.Modify(a, interest, "data")
			f.must(err)
			if modified != key {
				f.Error("Modify returned another key")
			}
			f.wantKey(key, a, interest, "data")
			f.wantReady(ready{a: interest})
		}
	})
}

// With epoll a system call for the closed descriptor fails: so it does where the
// call is what arms the descriptor again.
func TestModifyData(t *testing.T) {
	eachKind(t, func(f *fixture) {
		a, _ := f.pair()
		key := f.register(a, both, 0)
		_, err := f.s.Modify(a, both, 1)
		f.must(err)
		f.wantKey(key, a, both, 1)
		f.close(a)
		_, err = f.s.Modify(a, both, 2)
		if f.s.Kind().EdgeTriggered() {
			if !errors.Is(err, unix.EBADF) {
				f.Errorf("got %v, want EBADF", err)
			}
			f.wantKey(key, a, both, 1)
			f.unregister(a)
			return
		}
		f.must(err)
		f.wantKey(key, a, both, 2)
		f.unregister(a)
	})
}

func TestModifyRefuses(t *testing.T) {
	eachKind(t, func(f *fixture) {
		a, b := f.pair()
		key := f.register(a, selector.Write, "kept")
		for _, test := range []struct {
			name     string
			fd       int
			interest selector.Interest
			want     error
		}{
			{"negative descriptor", -1, selector.Read, selector.ErrInvalid},
			{"no interest", a, 0, selector.ErrInvalid},
			{"unknown interest", a, selector.Write | 1<<7, selector.ErrInvalid},
			{"not registered", b, selector.Read, selector.ErrNotFound},
			{"beyond the table", math.MaxInt32, selector.Read, selector.ErrNotFound},
		} {
			f.run(test.name, func(f *fixture) {
				got, err := f.s.Modify(test.fd, test.interest, "new")
				if got != nil || !errors.Is(err, test.want) {
					f.Errorf("got %v, %v, want %v", got, err, test.want)
				}
			})
		}
		f.wantKey(key, a, selector.Write, "kept")
		f.wantReady(ready{a: selector.Write})
	})
}

func TestUnregister(t *testing.T) {
	eachKind(t, func(f *fixture) {
		a, b := f.pair()
		key := f.register(a, selector.Read, "data")
		other := f.register(b, selector.Write, nil)
		f.write(b, "x")
		if got := f.unregister(a); got != key {
			f.Error("Unregister returned another key")
		}
		f.wantKey(key, a, selector.Read, "data")
		if key.Valid() || !other.Valid() {
			f.Errorf("Valid is %t for the key removed and %t for the other", key.Valid(), other.Valid())
		}
		f.wantReady(ready{b: selector.Write})
		if f.s.Stale() != 0 {
			f.Errorf("Stale is %d: the kernel still watches", f.s.Stale())
		}

		for name, fd := range map[string]int{"again": a, "beyond the table": math.MaxInt32} {
			if got, err := f.s.Unregister(fd); got != nil || !errors.Is(err, selector.ErrNotFound) {
				f.Errorf("%s: got %v, %v, want ErrNotFound", name, got, err)
			}
		}
		if _, err := f.s.Unregister(-1); !errors.Is(err, selector.ErrInvalid) {
			f.Errorf("negative descriptor: %v, want ErrInvalid", err)
		}
		if f.s.Len() != 1 {
			f.Errorf("Len is %d, want 1", f.s.Len())
		}
	})
}

func TestUnregisterAfterClose(t *testing.T) {
	eachKind(t, func(f *fixture) {
		file := f.regularFile()
		for _, test := range []struct {
			name  string
			reuse func(fd, peer int)
		}{
			{"number free", func(int, int) {}},
			{"number is a socket", func(fd, peer int) { f.dup(peer, fd) }},
			{"number is a regular file", func(fd, _ int) { f.dup(file, fd) }},
		} {
			f.run(test.name, func(f *fixture) {
				a, b := f.pair()
				key := f.register(a, both, nil)
				f.close(a)
				test.reuse(a, b)
				if got := f.unregister(a); got != key || got.Valid() {
					f.Errorf("got %v, want the key, not valid", got)
				}
				f.wantReady(ready{})
			})
		}
		if f.s.Stale() != 0 {
			f.Errorf("Stale is %d, want 0", f.s.Stale())
		}
	})
}

// What each kind makes of a descriptor that was closed while registered, as the
// package documentation has it: what Select reports, and what Modify returns.
func TestClosedWhileRegistered(t *testing.T) {
	eachKind(t, func(f *fixture) {
		byNumber := f.s.Kind() == selector.Poll || f.s.Kind() == selector.Select
		if !byNumber && !f.isEpoll() {
			f.Skip("the kinds of other systems differ, and were not run")
		}
		for _, test := range []struct {
			name      string
			prepare   func(f *fixture, a int)
			byNumber  selector.Interest // reported of a key with interest Read
			byFile    selector.Interest
			fileError error
		}{
			{"closed", func(f *fixture, a int) { f.close(a) }, selector.Read, 0, unix.EBADF},
			{"duplicate open", func(f *fixture, a int) {
				f.dup(a, 0)
				f.close(a)
			}, selector.Read, selector.Read, unix.EBADF},
			{"number reused", func(f *fixture, a int) {
				c, d := f.pair()
				f.write(d, "of another file")
				f.replace(a, c)
			}, selector.Read, 0, unix.ENOENT},
		} {
			f.run(test.name, func(f *fixture) {
				a, b := f.pair()
				f.register(a, selector.Read, nil)
				f.write(b, "x")
				test.prepare(f, a)
				want, wantError := test.byFile, test.fileError
				if byNumber {
					want, wantError = test.byNumber, nil
				}
				expected := ready{}
				if want != 0 {
					expected[a] = want
				}
				f.wantEvents(f.poll(), expected)
				if _, err := f.s.Modify(a, both, nil); !errors.Is(err, wantError) {
					f.Errorf("Modify: %v, want %v", err, wantError)
				}
				f.unregister(a)
			})
		}
	})
}

// The descriptor by which Wake works cannot be taken away by registering it.
func TestOwnDescriptor(t *testing.T) {
	eachKind(t, func(f *fixture) {
		for _, fd := range descriptors() {
			if f.open[fd] {
				continue
			}
			if _, err := f.s.Register(fd, selector.Read, nil); err == nil {
				f.unregister(fd) // of the test program, and not the selector's
			}
		}
		f.must(f.s.Wake())
		f.wantWoken()
	})
}

func TestKeyRefuses(t *testing.T) {
	eachKind(t, func(f *fixture) {
		a, b := f.pair()
		f.register(max(a, b), selector.Read, nil)
		for fd, want := range map[int]error{
			-1:            selector.ErrInvalid,
			min(a, b):     selector.ErrNotFound,
			math.MaxInt32: selector.ErrNotFound,
		} {
			if key, err := f.s.Key(fd); key != nil || !errors.Is(err, want) {
				f.Errorf("Key(%d) = %v, %v, want %v", fd, key, err, want)
			}
		}
	})
}

// TestKeys changes the registry at the second of six keys, or not at all.
func TestKeys(t *testing.T) {
	eachKind(t, func(f *fixture) {
		var fds []int
		for range 3 {
			a, b := f.pair()
			fds = append(fds, a, b)
		}
		slices.Sort(fds)
		for _, test := range []struct {
			name   string
			change func()
			want   []int // indices in fds
		}{
			{"unchanged", func() {}, []int{0, 1, 3, 4}},
			{"later key unregistered", func() { f.unregister(fds[3]) }, []int{0, 1, 4}},
			{"earlier key unregistered", func() { f.unregister(fds[0]) }, []int{0, 1, 3, 4}},
			{"current key unregistered", func() { f.unregister(fds[1]) }, []int{0, 1, 3, 4}},
			{"higher key registered", func() { f.register(fds[5], both, nil) }, []int{0, 1, 3, 4, 5}},
			{"key between registered", func() { f.register(fds[2], both, nil) }, []int{0, 1, 2, 3, 4}},
			{"current key renewed", func() {
				f.unregister(fds[1])
				f.register(fds[1], both, nil)
			}, []int{0, 1, 3, 4}},
			{"closed", func() { f.must(f.s.Close()) }, []int{0, 1}},
		} {
			for _, i := range []int{0, 1, 3, 4} {
				f.register(fds[i], both, nil)
			}
			var got []int
			for key := range f.s.Keys() {
				i := slices.Index(fds, key.FD())
				if got = append(got, i); i == 1 {
					test.change()
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				f.Errorf("%s (-want +got):\n%s", test.name, diff)
			}
			for key := range f.s.Keys() {
				f.unregister(key.FD())
			}
			if f.s.Len() != 0 {
				f.Errorf("%s: Len is %d after all were unregistered", test.name, f.s.Len())
			}
		}
	})
}

func TestKeysBreak(t *testing.T) {
	eachKind(t, func(f *fixture) {
		a, b := f.pair()
		f.register(a, both, nil)
		f.register(b, both, nil)
		for key := range f.s.Keys() {
			if key.FD() != min(a, b) {
				f.Errorf("first key is %d, want %d", key.FD(), min(a, b))
			}
			break
		}
	})
}

func TestRegularFile(t *testing.T) {
	eachKind(t, func(f *fixture) {
		fd := f.regularFile()
		key, err := f.s.Register(fd, both, nil)
		if f.isEpoll() {
			if key != nil || !errors.Is(err, unix.EPERM) || f.s.Len() != 0 {
				f.Errorf("got %v, %v and Len %d, want EPERM and 0", key, err, f.s.Len())
			}
			return
		}
		f.must(err)
		f.wantReady(ready{fd: both})
	})
}

func TestClosed(t *testing.T) {
	eachKind(t, func(f *fixture) {
		a, b := f.pair()
		kind := f.s.Kind()
		key := f.register(a, selector.Read, "data")
		f.must(f.s.Close())
		for name, call := range map[string]func() error{
			"Register":           func() error { _, err := f.s.Register(b, both, nil); return err },
			"Register (invalid)": func() error { _, err := f.s.Register(-1, 0, nil); return err },
			"Modify":             func() error { _, err := f.s.Modify(a, both, nil); return err },
			"Unregister":         func() error { _, err := f.s.Unregister(a); return err },
			"Key":                func() error { _, err := f.s.Key(a); return err },
			"Select":             func() error { _, err := f.s.Select(nil, -1); return err },
			"Wake":               f.s.Wake,
			"Wake again":         f.s.Wake,
			"Close":              f.s.Close,
		} {
			f.run(name, func(f *fixture) {
				if err := call(); !errors.Is(err, selector.ErrClosed) {
					f.Errorf("%v, want ErrClosed", err)
				}
			})
		}
		for key := range f.s.Keys() {
			f.Errorf("Keys has %d", key.FD())
		}
		if f.s.Len() != 0 || f.s.Kind() != kind || f.s.Stale() != 0 {
			f.Errorf("Len %d, Kind %s, Stale %d", f.s.Len(), f.s.Kind(), f.s.Stale())
		}
		f.wantKey(key, a, selector.Read, "data")
		if key.Valid() {
			f.Error("the key is still valid")
		}
		f.write(b, "the registered descriptor is still open")
		f.read(a)
	})
}

func TestZeroValueIsClosed(t *testing.T) {
	var s selector.Selector
	_, selectErr := s.Select(nil, -1)
	for name, err := range map[string]error{"Select": selectErr, "Wake": s.Wake(), "Close": s.Close()} {
		if !errors.Is(err, selector.ErrClosed) {
			t.Errorf("%s: %v, want ErrClosed", name, err)
		}
	}
}

// A child process must not inherit what a Selector opens.
func TestCloseOnExec(t *testing.T) {
	for _, kind := range selector.Kinds() {
		t.Run(kind.String(), func(t *testing.T) {
			before := descriptors()
			s, err := selector.Open(kind)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			opened := 0
			for _, fd := range descriptors() {
				if slices.Contains(before, fd) {
					continue
				}
				opened++
				flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
				if err != nil || flags&unix.FD_CLOEXEC == 0 {
					t.Errorf("descriptor %d has flags %#x, %v, want FD_CLOEXEC", fd, flags, err)
				}
			}
			if opened == 0 || opened > 3 {
				t.Errorf("Open took %d descriptors, want 1 to 3", opened)
			}
		})
	}
}
