//go:build linux

package models

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// A conn is one connection of the models that never block in read or write.
type conn struct {
	fd int
	// rest is what of an answer did not fit into the socket's buffer. Nothing is
	// read before it is written, so that a client that does not read costs one
	// buffer and no more.
	rest []byte
	due  bool // is on an unfinished list
}

// step reads once and answers, or writes what was left over. It is nil when it
// got on, and then there may be more to do; EAGAIN when it has to wait, to write
// if rest is not empty and else to read; io.EOF at the end of the input; any
// other error ends the connection too. buf is lent for the call.
func (c *conn) step(buf []byte, handle Handler) error {
	if len(c.rest) > 0 {
		n, err := write(c.fd, c.rest)
		if err != nil {
			return err
		}
		c.rest = c.rest[n:]
		return nil
	}
	n, err := read(c.fd, buf)
	switch {
	case err != nil:
		return err
	case n == 0:
		return io.EOF
	}
	handle(buf[:n])
	return c.send(buf[:n])
}

// send writes what the socket takes and keeps the rest.
func (c *conn) send(data []byte) error {
	n, err := write(c.fd, data)
	if err != nil && !again(err) {
		return err
	}
	if n = max(n, 0); n < len(data) {
		c.rest = append(c.rest[:0:0], data[n:]...)
	} else {
		c.rest = nil
	}
	return nil
}

// An unfinished list is for loops that are told of readiness once: it holds the
// connections that got on in their last step, so that there may be more to do of
// which nothing will tell. To go on with one until it has to wait would be
// simpler, and would leave the loop to a client that asks again before the
// server has looked for it.
type unfinished struct{ due, taken []*conn }

func (u *unfinished) add(c *conn) {
	c.due = true
	u.due = append(u.due, c)
}

// take empties the list, and lends what was in it until the next call. Each
// of them is in for one step, after those who have come meanwhile had theirs.
func (u *unfinished) take() []*conn {
	u.due, u.taken = u.taken[:0], u.due
	return u.taken
}

// acceptAll takes every connection that waits at a non-blocking listener.
func acceptAll(listener int, each func(fd int) error) error {
	for {
		fd, err := accept(listener, unix.SOCK_NONBLOCK)
		switch {
		case again(err):
			return nil
		case err != nil:
			return fmt.Errorf("accept: %w", err)
		}
		if err := each(fd); err != nil {
			return err
		}
	}
}

func setNonblock(fd int) error {
	if err := unix.SetNonblock(fd, true); err != nil {
		return fmt.Errorf("O_NONBLOCK: %w", os.NewSyscallError("fcntl", err))
	}
	return nil
}

// closeFD closes a connection's descriptor. A reset shows here as little as in
// any other server: on Linux the number is free whatever close(2) returns.
func closeFD(fd int) error {
	if err := unix.Close(fd); errors.Is(err, unix.EBADF) {
		return fmt.Errorf("close a descriptor that is not open: %w", err)
	}
	return nil
}
