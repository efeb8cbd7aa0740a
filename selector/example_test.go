//go:build unix

package selector_test

import (
	"bytes"
	"fmt"

	"ftpd/selector"

	"golang.org/x/sys/unix"
)

// callback is what this program registers as a key's data: what to do when the
// descriptor is ready.
type callback func(s *selector.Selector, event selector.Event) error

// echo answers in upper case, and closes at the end of the stream.
func echo(s *selector.Selector, event selector.Event) error {
	fd := event.Key.FD()
	buf := make([]byte, 512)
	n, err := unix.Read(fd, buf)
	if err != nil {
		return err
	}
	if n == 0 {
		if _, err := s.Unregister(fd); err != nil {
			return err
		}
		return unix.Close(fd)
	}
	_, err = unix.Write(fd, bytes.ToUpper(buf[:n]))
	return err
}

// A server of one connection: it echoes in upper case until its peer hangs up.
func Example() {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	server, client := pair[0], pair[1]
	s, err := selector.New()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()

	if _, err := s.Register(server, selector.Read, callback(echo)); err != nil {
		fmt.Println(err)
		return
	}
	if _, err := s.Register(client, selector.Read, callback(show)); err != nil {
		fmt.Println(err)
		return
	}
	if _, err := unix.Write(client, []byte("hello, selector")); err != nil {
		fmt.Println(err)
		return
	}
	var events []selector.Event
	for s.Len() > 0 {
		if events, err = s.Select(events, -1); err != nil {
			fmt.Println(err)
			return
		}
		for _, event := range events {
			if !event.Key.Valid() {
				continue
			}
			if err := event.Key.Data().(callback)(s, event); err != nil {
				fmt.Println(err)
				return
			}
		}
	}
	// Output: HELLO, SELECTOR
}

// show prints the answer and hangs up.
func show(s *selector.Selector, event selector.Event) error {
	fd := event.Key.FD()
	buf := make([]byte, 512)
	n, err := unix.Read(fd, buf)
	if err != nil {
		return err
	}
	fmt.Printf("%s\n", buf[:n])
	if _, err := s.Unregister(fd); err != nil {
		return err
	}
	return unix.Close(fd)
}
