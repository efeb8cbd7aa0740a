//go:build unix && !linux

package selector

import (
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// A notifier is a pipe(2) to oneself, for systems without eventfd. The buffers are
// in it because those of a stack frame would be allocated for each call in builds
// with the race detector.
type notifier struct {
	r, w int
	sent [1]byte
	got  [8]byte
}

func openNotifier() (*notifier, error) {
	var fds [2]int
	// macOS and AIX have no pipe2, so the flags are set afterwards, and no child
	// may be forked in between.
	syscall.ForkLock.RLock()
	err := unix.Pipe(fds[:])
	if err == nil {
		unix.CloseOnExec(fds[0])
		unix.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, fmt.Errorf("pipe: %w", err)
	}
	n := &notifier{r: fds[0], w: fds[1]}
	if err := errors.Join(unix.SetNonblock(n.r, true), unix.SetNonblock(n.w, true)); err != nil {
		return nil, errors.Join(fmt.Errorf("set non-blocking: %w", err), n.close())
	}
	return n, nil
}

func (n *notifier) fd() int { return n.r }

// signal puts a byte into the pipe. EAGAIN means that it is full, so readable.
func (n *notifier) signal() error {
	_, err := unix.Write(n.w, n.sent[:])
	if err != nil && !errors.Is(err, unix.EAGAIN) {
		return fmt.Errorf("write pipe: %w", err)
	}
	return nil
}

// drain empties the pipe. There is one byte at most, for wakes are coalesced.
func (n *notifier) drain() {
	_, _ = unix.Read(n.r, n.got[:])
}

func (n *notifier) close() error {
	return errors.Join(unix.Close(n.r), unix.Close(n.w))
}
