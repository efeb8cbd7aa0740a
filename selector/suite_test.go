//go:build unix

package selector_test

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"ftpd/selector"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// patience bounds the wait for what must happen; no passing test comes near it.
const patience = 20 * time.Second

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// eachKind runs a case over every backend of this platform, each with a new
// Selector and a check that no descriptor is left.
func eachKind(t *testing.T, test func(f *fixture)) {
	t.Helper()
	if len(selector.Kinds()) == 0 {
		t.Fatal("Kinds is empty")
	}
	for _, kind := range selector.Kinds() {
		t.Run(kind.String(), func(t *testing.T) { test(newFixture(t, kind)) })
	}
}

// fixture is a test with a Selector and the descriptors that it opened.
type fixture struct {
	*testing.T
	s    *selector.Selector
	open map[int]bool
}

// run runs a part of a case under its name.
func (f *fixture) run(name string, part func(f *fixture)) {
	f.Helper()
	f.Run(name, func(t *testing.T) { part(&fixture{T: t, s: f.s, open: f.open}) })
}

func newFixture(t *testing.T, kind selector.Kind) *fixture {
	t.Helper()
	before := descriptors()
	s, err := selector.Open(kind)
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{T: t, s: s, open: map[int]bool{}}
	t.Cleanup(func() {
		for fd := range f.open {
			f.close(fd)
		}
		_ = s.Close() // the case may have closed it
		if diff := cmp.Diff(before, descriptors()); diff != "" {
			t.Errorf("open descriptors before and after (-before +after):\n%s", diff)
		}
	})
	return f
}

// descriptors lists the open descriptors. It asks for each number: reading a
// directory such as /dev/fd would open some, and not every system has one.
func descriptors() []int {
	var open []int
	for fd := range 8192 {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil {
			open = append(open, fd)
		}
	}
	return open
}

func (f *fixture) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

// own makes fd non-blocking and close-on-exec and has it closed after the test.
func (f *fixture) own(fd int) int {
	f.Helper()
	unix.CloseOnExec(fd)
	f.must(unix.SetNonblock(fd, true))
	f.open[fd] = true
	return fd
}

func (f *fixture) pair() (a, b int) {
	f.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	f.must(err)
	return f.own(fds[0]), f.own(fds[1])
}

func (f *fixture) pipe() (r, w int) {
	f.Helper()
	var fds [2]int
	f.must(unix.Pipe(fds[:]))
	return f.own(fds[0]), f.own(fds[1])
}

func (f *fixture) regularFile() int {
	f.Helper()
	path := f.TempDir() + "/file"
	f.must(os.WriteFile(path, []byte("content"), 0o600))
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
	f.must(err)
	return f.own(fd)
}

// dup returns a duplicate of fd with the lowest free number of at least least.
func (f *fixture) dup(fd, least int) int {
	f.Helper()
	duplicate, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD, least)
	f.must(err)
	unix.CloseOnExec(duplicate)
	f.open[duplicate] = true
	return duplicate
}

// replace closes the descriptor old and makes its number a duplicate of fd.
func (f *fixture) replace(old, fd int) {
	f.Helper()
	f.close(old)
	if got := f.dup(fd, old); got != old {
		f.Fatalf("the number %d was not free: got %d", old, got)
	}
}

func (f *fixture) close(fd int) {
	f.Helper()
	f.must(unix.Close(fd))
	delete(f.open, fd)
}

func (f *fixture) write(fd int, text string) {
	f.Helper()
	n, err := unix.Write(fd, []byte(text))
	f.must(err)
	if n != len(text) {
		f.Fatalf("wrote %d bytes of %d", n, len(text))
	}
}

// fill writes until fd takes no more.
func (f *fixture) fill(fd int) {
	f.Helper()
	block := make([]byte, 16<<10)
	for size := len(block); size > 0; {
		_, err := unix.Write(fd, block[:size])
		if err == unix.EAGAIN {
			size /= 2
			continue
		}
		f.must(err)
	}
}

func (f *fixture) read(fd int) {
	f.Helper()
	_, err := unix.Read(fd, make([]byte, 64<<10))
	f.must(err)
}

func (f *fixture) readSome(fd, n int) {
	f.Helper()
	_, err := unix.Read(fd, make([]byte, n))
	f.must(err)
}

// drain reads until there is no more.
func (f *fixture) drain(fd int) {
	f.Helper()
	for {
		_, err := unix.Read(fd, make([]byte, 64<<10))
		if err == unix.EAGAIN {
			return
		}
		f.must(err)
	}
}

func (f *fixture) register(fd int, interest selector.Interest, data any) *selector.Key {
	f.Helper()
	key, err := f.s.Register(fd, interest, data)
	f.must(err)
	return key
}

func (f *fixture) unregister(fd int) *selector.Key {
	f.Helper()
	key, err := f.s.Unregister(fd)
	f.must(err)
	return key
}

// poll is one Select that does not wait.
func (f *fixture) poll() []selector.Event {
	f.Helper()
	events, err := f.s.Select(nil, 0)
	f.must(err)
	return events
}

// await selects until there are events. Select may return early without any.
func (f *fixture) await() []selector.Event {
	f.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		events, err := f.s.Select(nil, time.Until(deadline))
		f.must(err)
		if len(events) > 0 {
			return events
		}
	}
	f.Fatal("no event came")
	return nil
}

// wantWoken selects once, and expects a wake to end the wait.
func (f *fixture) wantWoken() {
	f.Helper()
	start := time.Now()
	events, err := f.s.Select(nil, patience)
	f.must(err)
	f.wantEvents(events, ready{})
	if time.Since(start) >= patience {
		f.Fatal("the wake was lost")
	}
}

// ready says which descriptors are to be in a batch, and what they are ready for.
type ready map[int]selector.Interest

// wantReady polls once and compares with all that is ready now.
func (f *fixture) wantReady(want ready) {
	f.Helper()
	f.rearm()
	f.wantEvents(f.poll(), want)
}

// rearm has an edge-triggered Selector report again what it has reported, so that
// one suite fits all kinds. What was closed while registered cannot be armed.
func (f *fixture) rearm() {
	f.Helper()
	if !f.s.Kind().EdgeTriggered() {
		return
	}
	for key := range f.s.Keys() {
		if _, err := f.s.Modify(key.FD(), key.Interest(), key.Data()); err != nil && !errors.Is(err, unix.EBADF) {
			f.Fatal(err)
		}
	}
}

// isEpoll says whether the kernel watches open files and not numbers.
func (f *fixture) isEpoll() bool {
	return f.s.Kind() == selector.Epoll || f.s.Kind() == selector.EpollET
}

func (f *fixture) wantEvents(events []selector.Event, want ready) {
	f.Helper()
	got := ready{}
	for _, event := range events {
		fd := event.Key.FD()
		if got[fd] != 0 {
			f.Errorf("two events for descriptor %d in one batch", fd)
		}
		if !event.Key.Valid() {
			f.Errorf("event for descriptor %d, which is not registered", fd)
		}
		got[fd] = event.Ready
	}
	if diff := cmp.Diff(want, got); diff != "" {
		f.Fatalf("ready (-want +got):\n%s", diff)
	}
}

func (f *fixture) wantKey(key *selector.Key, fd int, interest selector.Interest, data any) {
	f.Helper()
	got := fmt.Sprint(key.FD(), key.Interest(), key.Data())
	if want := fmt.Sprint(fd, interest, data); got != want {
		f.Errorf("key is %s, want %s", got, want)
	}
}

// finish waits for done, which a goroutine of the case closes.
func (f *fixture) finish(done <-chan struct{}) {
	f.Helper()
	select {
	case <-done:
	case <-time.After(patience):
		f.Fatal("the goroutine of this case did not finish")
	}
}
