package selector

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// A notifier is an eventfd(2): one descriptor for both ends, readable while its
// counter is not zero. The buffers are in it because those of a stack frame would
// be allocated for each call in builds with the race detector.
type notifier struct {
	eventfd int
	sent    [8]byte
	got     [8]byte
}

func openNotifier() (*notifier, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	n := &notifier{eventfd: fd}
	binary.NativeEndian.PutUint64(n.sent[:], 1)
	return n, nil
}

func (n *notifier) fd() int { return n.eventfd }

// signal adds 1 to the counter. EAGAIN would mean that it is full, so readable.
func (n *notifier) signal() error {
	_, err := unix.Write(n.eventfd, n.sent[:])
	if err != nil && !errors.Is(err, unix.EAGAIN) {
		return fmt.Errorf("write eventfd: %w", err)
	}
	return nil
}

// drain sets the counter to zero. If it was zero already (EAGAIN), so much the
// better; the call can fail in no other way that a caller could mend.
func (n *notifier) drain() {
	_, _ = unix.Read(n.eventfd, n.got[:])
}

func (n *notifier) close() error { return unix.Close(n.eventfd) }
