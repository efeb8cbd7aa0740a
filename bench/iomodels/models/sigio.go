//go:build linux

package models

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// readySignal is sent for every change of a socket. It is a real-time signal,
// because those queue and carry the descriptor's number, where SIGIO says no more
// than that something happened. Numbers below 35 are spoken for: the C library
// keeps 32 and 33, and the Go runtime leaves 34 to it (runtime/sigtab_linux_generic.go).
const readySignal = unix.Signal(40)

// serveSIGIO lets the kernel tell of each change by a signal, and sleeps until one
// comes.
//
// Signals and Go's runtime get along because the runtime never sees these: the
// thread of this goroutine blocks them and is their only addressee (F_OWNER_TID),
// so that no handler runs and no other thread can be chosen. They are taken from
// the thread's queue by a signalfd, many with one read, and by the same
// thread: signals directed to a thread are read only by itself (signalfd(2)).
func serveSIGIO(s Server) error {
	runtime.LockOSThread()
	queue, err := openSignalQueue()
	if err != nil {
		return err
	}
	l := &sigio{server: s, conns: make(map[int]*conn), buf: make([]byte, bufferSize)}
	if err := l.notify(s.Listener); err != nil {
		return err
	}
	// For clients that came before signals were asked for, none will be sent.
	if err := acceptAll(s.Listener, l.welcome); err != nil {
		return err
	}
	for {
		signals, err := queue.next(len(l.unfinished.due) == 0)
		if err != nil {
			return err
		}
		due := l.unfinished.take()
		for i := range signals {
			if err := l.handle(&signals[i]); err != nil {
				return err
			}
		}
		for _, c := range due {
			c.due = false
			if err := l.turn(c); err != nil {
				return err
			}
		}
	}
}

type sigio struct {
	server     Server
	conns      map[int]*conn
	unfinished unfinished
	buf        []byte
}

// notify asks for signals about a socket: to this thread, with its number.
func (l *sigio) notify(fd int) error {
	owner := ownerEx{kind: ownerThread, pid: int32(unix.Gettid())}
	if _, _, errno := unix.Syscall(unix.SYS_FCNTL, uintptr(fd), unix.F_SETOWN_EX, uintptr(unsafe.Pointer(&owner))); errno != 0 {
		return fmt.Errorf("F_SETOWN_EX: %w", errno)
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETSIG, int(readySignal)); err != nil {
		return fmt.Errorf("F_SETSIG: %w", err)
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFL, unix.O_ASYNC|unix.O_NONBLOCK); err != nil {
		return fmt.Errorf("O_ASYNC: %w", err)
	}
	return nil
}

// ownerThread is F_OWNER_TID of asm-generic/fcntl.h: the pid is a thread's.
const ownerThread = 0

// ownerEx is struct f_owner_ex (fcntl(2)).
type ownerEx struct{ kind, pid int32 }

func (l *sigio) handle(signal *unix.SignalfdSiginfo) error {
	if signal.Signo == uint32(unix.SIGIO) {
		return l.askAll()
	}
	fd := int(signal.Fd)
	if fd == l.server.Listener {
		return acceptAll(fd, l.welcome)
	}
	// A signal may be about a connection that is closed by now, or, if its number
	// came back, about the one before: then there is just nothing to read.
	return l.turn(l.conns[fd])
}

// turn is one step: a signal tells of a change, once, so the loop comes back until
// the socket says EAGAIN. That holds for room to write too, so there is nothing to
// ask for. Who is on the list has its turn when the others had theirs, however
// many signals there are about it.
func (l *sigio) turn(c *conn) error {
	if c == nil || c.due {
		return nil
	}
	err := c.step(l.buf, l.server.Handle)
	switch {
	case err == nil:
		l.unfinished.add(c)
		return nil
	case again(err):
		return nil
	}
	delete(l.conns, c.fd)
	return closeFD(c.fd)
}

// welcome has a turn at once, for what has come already, as above.
func (l *sigio) welcome(fd int) error {
	if err := l.notify(fd); err != nil {
		return errors.Join(err, closeFD(fd))
	}
	c := &conn{fd: fd}
	l.conns[fd] = c
	return l.turn(c)
}

// askAll follows a plain SIGIO: the queue was full (RLIMIT_SIGPENDING), signals
// were lost, and any socket may have changed (fcntl(2), F_SETSIG).
func (l *sigio) askAll() error {
	if err := acceptAll(l.server.Listener, l.welcome); err != nil {
		return err
	}
	for _, c := range l.conns {
		if err := l.turn(c); err != nil {
			return err
		}
	}
	return nil
}

// signalQueue is the signalfd of one thread.
type signalQueue struct {
	fd    int
	batch [64]unix.SignalfdSiginfo
}

// openSignalQueue blocks the signals on this thread, which must be locked, and on
// no other: the runtime gives new threads the mask that the process began with.
func openSignalQueue() (*signalQueue, error) {
	var set unix.Sigset_t
	addSignal(&set, readySignal)
	addSignal(&set, unix.SIGIO)
	if err := unix.PthreadSigmask(unix.SIG_BLOCK, &set, nil); err != nil {
		return nil, fmt.Errorf("block signals: %w", err)
	}
	fd, err := unix.Signalfd(-1, &set, unix.SFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("signalfd: %w", err)
	}
	return &signalQueue{fd: fd}, nil
}

// next returns the signals that are queued, until the next call: there is one at
// least if it may sleep until then.
func (q *signalQueue) next(sleep bool) ([]unix.SignalfdSiginfo, error) {
	if !sleep {
		ready, err := unix.Poll([]unix.PollFd{{Fd: int32(q.fd), Events: unix.POLLIN}}, 0)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return nil, fmt.Errorf("poll: %w", err)
		}
		if ready <= 0 {
			return nil, nil
		}
	}
	const size = int(unsafe.Sizeof(unix.SignalfdSiginfo{}))
	raw := unsafe.Slice((*byte)(unsafe.Pointer(&q.batch)), len(q.batch)*size)
	n, err := read(q.fd, raw)
	if err != nil {
		return nil, fmt.Errorf("signalfd: %w", err)
	}
	return q.batch[:n/size], nil
}

// addSignal is sigaddset(3): signal n is bit n-1 of an array of words.
func addSignal(set *unix.Sigset_t, signal unix.Signal) {
	bit := uint(signal) - 1
	word := 8 * uint(unsafe.Sizeof(set.Val[0]))
	set.Val[bit/word] |= 1 << (bit % word)
}
