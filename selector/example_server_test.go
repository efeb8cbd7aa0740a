//go:build unix

package selector_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"log"
	"net"

	"ftpd/selector"

	"golang.org/x/sys/unix"
)

// callback is what this server registers as a key's data: what to do when the
// descriptor is ready.
type callback func(event selector.Event)

// echoServer answers every connection in upper case. It is one goroutine, and
// never waits but in Select.
type echoServer struct {
	selector *selector.Selector
	listener int
}

// newEchoServer listens on a free port of 127.0.0.1 and returns its number.
func newEchoServer() (*echoServer, int, error) {
	s, err := selector.New()
	if err != nil {
		return nil, 0, err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return nil, 0, errors.Join(err, s.Close())
	}
	e := &echoServer{selector: s, listener: fd}
	port, err := e.listen()
	if err != nil {
		return nil, 0, errors.Join(err, s.Close(), unix.Close(fd))
	}
	return e, port, nil
}

func (e *echoServer) listen() (int, error) {
	unix.CloseOnExec(e.listener)
	err := errors.Join(
		unix.SetNonblock(e.listener, true),
		unix.Bind(e.listener, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}),
		unix.Listen(e.listener, 128),
	)
	if err != nil {
		return 0, err
	}
	if _, err := e.selector.Register(e.listener, selector.Read, callback(e.accept)); err != nil {
		return 0, err
	}
	address, err := unix.Getsockname(e.listener)
	if err != nil {
		return 0, err
	}
	return address.(*unix.SockaddrInet4).Port, nil
}

// accept takes one connection: a level-triggered selector tells of the next.
func (e *echoServer) accept(selector.Event) {
	fd, _, err := unix.Accept(e.listener)
	if err != nil {
		return // it has gone again
	}
	unix.CloseOnExec(fd)
	c := &echoConn{server: e, fd: fd}
	if err := unix.SetNonblock(fd, true); err != nil {
		c.close()
		return
	}
	if _, err := e.selector.Register(fd, selector.Read, callback(c.serve)); err != nil {
		c.close()
	}
}

// run serves until the only connection of this example is gone.
func (e *echoServer) run() error {
	var events []selector.Event
	for served := false; !served || e.selector.Len() > 1; {
		var err error
		if events, err = e.selector.Select(events, -1); err != nil {
			return err
		}
		for _, event := range events {
			if event.Key.Valid() { // not unregistered by an earlier event of this batch
				event.Key.Data().(callback)(event)
			}
		}
		served = served || e.selector.Len() > 1
	}
	return errors.Join(e.selector.Close(), unix.Close(e.listener))
}

// echoConn is one connection. While it has an answer to write it does not read.
type echoConn struct {
	server *echoServer
	fd     int
	answer []byte
}

func (c *echoConn) serve(event selector.Event) {
	if event.Ready&selector.Read != 0 {
		buf := make([]byte, 4096)
		n, err := unix.Read(c.fd, buf)
		if err == unix.EAGAIN || err == unix.EINTR {
			return
		}
		if err != nil || n == 0 {
			c.close()
			return
		}
		c.answer = bytes.ToUpper(buf[:n])
	}
	c.write()
}

// write writes what it can, and waits for room to write the rest.
func (c *echoConn) write() {
	n, err := unix.Write(c.fd, c.answer)
	if err != nil && err != unix.EAGAIN && err != unix.EINTR {
		c.close()
		return
	}
	c.answer = c.answer[max(n, 0):]
	interest := selector.Read
	if len(c.answer) > 0 {
		interest = selector.Write
	}
	if _, err := c.server.selector.Modify(c.fd, interest, callback(c.serve)); err != nil {
		c.close()
	}
}

// close unregisters first: then no event can be taken for another connection's.
func (c *echoConn) close() {
	_, _ = c.server.selector.Unregister(c.fd) // where it was not registered yet, there is nothing to undo
	_ = unix.Close(c.fd)
}

// An upper-case echo server with a callback as the data of each key.
func Example_server() {
	server, port, err := newEchoServer()
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		if err := say(port, "hello, selector\n"); err != nil {
			log.Fatal(err)
		}
	}()
	if err := server.run(); err != nil {
		log.Fatal(err)
	}
	// Output: HELLO, SELECTOR
}

// say is a client that says one line and prints the answer.
func say(port int, line string) error {
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := fmt.Fprint(conn, line); err != nil {
		return err
	}
	answer, err := bufio.NewReader(conn).ReadString('\n')
	fmt.Print(answer)
	return err
}
