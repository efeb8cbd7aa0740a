//go:build unix

package selector_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log"
	"net"

	"ftpd/selector"

	"golang.org/x/sys/unix"
)

// ask sends lines to an echo server, each on a connection of its own, and prints
// the answers. All connections are under way at once, on one goroutine.
func ask(port int, lines ...string) error {
	s, err := selector.New()
	if err != nil {
		return err
	}
	defer s.Close()
	for _, line := range lines {
		if err := connect(s, port, line); err != nil {
			return err
		}
	}
	var events []selector.Event
	for s.Len() > 0 {
		if events, err = s.Select(events, -1); err != nil {
			return err
		}
		for _, event := range events {
			if err := event.Key.Data().(*question).proceed(s, event); err != nil {
				return err
			}
		}
	}
	return nil
}

// question is a line on its way and back: it connects, sends, and reads until the
// server closes.
type question struct {
	fd     int
	line   []byte // what is left to send
	answer bytes.Buffer
}

// connect begins to connect; the descriptor is writable when that is over.
func connect(s *selector.Selector, port int, line string) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	unix.CloseOnExec(fd)
	if err := unix.SetNonblock(fd, true); err != nil {
		return errors.Join(err, unix.Close(fd))
	}
	err = unix.Connect(fd, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}})
	if err != nil && err != unix.EINPROGRESS {
		return errors.Join(err, unix.Close(fd))
	}
	_, err = s.Register(fd, selector.Write, &question{fd: fd, line: []byte(line)})
	return err
}

func (q *question) proceed(s *selector.Selector, event selector.Event) error {
	if event.Ready&selector.Write != 0 {
		return q.send(s)
	}
	buf := make([]byte, 4096)
	n, err := unix.Read(q.fd, buf)
	switch {
	case err == unix.EAGAIN || err == unix.EINTR:
		return nil
	case err != nil:
		return err
	case n > 0:
		q.answer.Write(buf[:n])
		return nil
	}
	fmt.Print(q.answer.String())
	_, err = s.Unregister(q.fd)
	return errors.Join(err, unix.Close(q.fd))
}

// send sends what is left of the line, then says that there is no more, and waits
// for the answer.
func (q *question) send(s *selector.Selector) error {
	if cause, err := unix.GetsockoptInt(q.fd, unix.SOL_SOCKET, unix.SO_ERROR); err != nil || cause != 0 {
		return errors.Join(err, unix.Errno(cause)) // connecting failed
	}
	n, err := unix.Write(q.fd, q.line)
	if err != nil && err != unix.EAGAIN && err != unix.EINTR {
		return err
	}
	q.line = q.line[max(n, 0):]
	if len(q.line) > 0 {
		return nil
	}
	if err := unix.Shutdown(q.fd, unix.SHUT_WR); err != nil {
		return err
	}
	_, err = s.Modify(q.fd, selector.Read, q)
	return err
}

// A client of the upper-case echo server.
func Example_client() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go echoAll(listener)
	err = ask(listener.Addr().(*net.TCPAddr).Port, "one\n", "two\n", "three\n")
	if err := errors.Join(err, listener.Close()); err != nil {
		log.Fatal(err)
	}
	// Unordered output:
	// ONE
	// TWO
	// THREE
}

// echoAll is a server to try the client with.
func echoAll(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return // it was closed
		}
		line, _ := io.ReadAll(conn)
		_, _ = conn.Write(bytes.ToUpper(line))
		_ = conn.Close()
	}
}
