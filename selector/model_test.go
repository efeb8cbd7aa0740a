//go:build unix

package selector_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"ftpd/selector"

	"golang.org/x/sys/unix"
)

// TestModel drives each backend and a map of what should be registered with the
// same random operations over pipes and socket pairs, and compares after each: the
// result, the registry, and what a plain poll(2) of each descriptor says is ready.
func TestModel(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			eachKind(t, func(f *fixture) {
				m := &model{fixture: f, random: rand.New(rand.NewPCG(seed, 0)), want: map[int]registration{}}
				for range 6 {
					a, b := f.pair()
					r, w := f.pipe()
					m.fds = append(m.fds, a, b, r, w)
				}
				for range 300 {
					m.step()
				}
			})
		})
	}
}

type registration struct {
	interest selector.Interest
	data     any
}

type model struct {
	*fixture
	random *rand.Rand
	fds    []int
	want   map[int]registration
	log    []string
}

// step does one thing and compares everything.
func (m *model) step() {
	m.Helper()
	fd := m.fds[m.random.IntN(len(m.fds))]
	interest := selector.Interest(m.random.IntN(5)) // also none, and one that there is not
	switch m.random.IntN(8) {
	case 0, 1:
		m.tryRegister(fd, interest)
	case 2, 3:
		m.tryModify(fd, interest)
	case 4:
		m.tryUnregister(fd)
	case 5:
		m.note("write", fd, 0, nil)
		_, _ = unix.Write(fd, make([]byte, 1+m.random.IntN(100_000))) // may be full, or not for writing
	case 6:
		m.note("read", fd, 0, nil)
		_, _ = unix.Read(fd, make([]byte, 1+m.random.IntN(100_000))) // may be empty, or not for reading
	case 7:
		m.reopen(fd)
	}
	m.compare()
	if m.Failed() {
		m.Fatalf("after %v", m.log)
	}
}

func (m *model) note(what string, fd int, interest selector.Interest, err error) {
	m.log = append(m.log, fmt.Sprintf("%s %d %s: %v\n", what, fd, interest, err))
}

func (m *model) tryRegister(fd int, interest selector.Interest) {
	m.Helper()
	_, known := m.want[fd]
	data := m.random.Int()
	_, err := m.s.Register(fd, interest, data)
	m.note("register", fd, interest, err)
	m.wantError(err, map[error]bool{selector.ErrInvalid: !legal(interest), selector.ErrExists: legal(interest) && known})
	if err == nil {
		m.want[fd] = registration{interest, data}
	}
}

func (m *model) tryModify(fd int, interest selector.Interest) {
	m.Helper()
	_, known := m.want[fd]
	data := m.random.Int()
	_, err := m.s.Modify(fd, interest, data)
	m.note("modify", fd, interest, err)
	m.wantError(err, map[error]bool{selector.ErrNotFound: !known, selector.ErrInvalid: known && !legal(interest)})
	if err == nil {
		m.want[fd] = registration{interest, data}
	}
}

func (m *model) tryUnregister(fd int) {
	m.Helper()
	_, known := m.want[fd]
	_, err := m.s.Unregister(fd)
	m.note("unregister", fd, 0, err)
	m.wantError(err, map[error]bool{selector.ErrNotFound: !known})
	delete(m.want, fd)
}

// reopen closes a descriptor, registered or not, forgets it, and makes its number
// one end of a new pair.
func (m *model) reopen(fd int) {
	m.Helper()
	m.note("reopen", fd, 0, nil)
	if m.random.IntN(2) == 0 { // in the order that is asked for
		m.tryUnregister(fd)
		m.close(fd)
	} else {
		m.close(fd)
		m.tryUnregister(fd)
	}
	a, b := m.pair()
	for _, end := range []int{a, b} {
		if !slices.Contains(m.fds, end) {
			m.fds = append(m.fds, end)
		}
	}
}

func (m *model) wantError(got error, expected map[error]bool) {
	m.Helper()
	for want, holds := range expected {
		if errors.Is(got, want) != holds {
			m.Errorf("got %v; %v: expected %t", got, want, holds)
		}
	}
	if got != nil && !slices.Contains(slices.Collect(maps.Values(expected)), true) {
		m.Errorf("got %v, want none", got)
	}
}

func legal(interest selector.Interest) bool { return interest > 0 && interest <= both }

// compare holds the registry against the map, and the readiness against poll(2).
func (m *model) compare() {
	m.Helper()
	registered := map[int]registration{}
	for key := range m.s.Keys() {
		registered[key.FD()] = registration{key.Interest(), key.Data()}
	}
	if !maps.Equal(registered, m.want) || m.s.Len() != len(m.want) {
		m.Errorf("registered are %v, Len %d, want %v", registered, m.s.Len(), m.want)
	}
	want := ready{}
	for fd, r := range m.want {
		if now := m.readyNow(fd, r.interest); now != 0 {
			want[fd] = now
		}
	}
	m.wantReady(want)
}

// readyNow is the readiness of one descriptor as the contract has it, but for
// select: that knows no hang-up beside what can be read and written.
func (m *model) readyNow(fd int, interest selector.Interest) selector.Interest {
	m.Helper()
	entry := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN | unix.POLLOUT}}
	_, err := unix.Poll(entry, 0)
	m.must(err)
	var now selector.Interest
	if entry[0].Revents&unix.POLLIN != 0 {
		now |= selector.Read
	}
	if entry[0].Revents&unix.POLLOUT != 0 {
		now |= selector.Write
	}
	hungUp := entry[0].Revents&unix.POLLHUP != 0
	failed := entry[0].Revents&unix.POLLERR != 0
	switch {
	case m.s.Kind() == selector.Select:
		if failed {
			now |= both
		}
		if hungUp {
			now |= selector.Read
		}
	case !hungUp && !failed:
	case interest&selector.Read != 0:
		now |= selector.Read
	default:
		now |= selector.Write
	}
	return now & interest
}
