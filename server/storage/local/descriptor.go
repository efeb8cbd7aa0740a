//go:build unix

package local

import (
	"io"
	"io/fs"
	"sync"

	"golang.org/x/sys/unix"
)

// descriptor is an open regular file. Unlike an os.File it never meets Go's
// own poller, which for a regular file costs system calls and gives nothing.
// The lock keeps a read or write from meeting a number that was closed, and
// perhaps opened again as another file.
type descriptor struct {
	mu     sync.RWMutex
	fd     int
	closed bool
}

// readAt is that of [io.ReaderAt].
func (d *descriptor) readAt(p []byte, offset int64) (n int, err error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if d.closed {
		return 0, fs.ErrClosed
	}
	for n < len(p) {
		m, err := unix.Pread(d.fd, p[n:], offset+int64(n))
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return n, err
		case m == 0:
			return n, io.EOF
		}
		n += m
	}
	return n, nil
}

// writeAt is that of [io.WriterAt].
func (d *descriptor) writeAt(p []byte, offset int64) (n int, err error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if d.closed {
		return 0, fs.ErrClosed
	}
	for n < len(p) {
		m, err := unix.Pwrite(d.fd, p[n:], offset+int64(n))
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return n, err
		case m == 0:
			return n, io.ErrShortWrite
		}
		n += m
	}
	return n, nil
}

func (d *descriptor) stat() (stat unix.Stat_t, err error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if d.closed {
		return stat, fs.ErrClosed
	}
	err = retry(func() error { return unix.Fstat(d.fd, &stat) })
	return stat, err
}

// seal waits for the reads and writes under way, makes any later one fail and
// hands over the descriptor; ok is false where that had happened before.
func (d *descriptor) seal() (fd int, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	ok = !d.closed
	d.closed = true
	return d.fd, ok
}

// over tells whether it was sealed.
func (d *descriptor) over() bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.closed
}

// close is not repeated after EINTR: Linux has closed the descriptor by then,
// and a second close could hit another file (close(2), "Dealing with error
// returns").
func (d *descriptor) close() error {
	fd, ok := d.seal()
	if !ok {
		return nil
	}
	if err := unix.Close(fd); err != unix.EINTR {
		return err
	}
	return nil
}
