//go:build linux

// Command bare is the least that a verified copy can be: the system calls that read, hash, send,
// receive, verify and write, and nothing else. It has no protocol to speak of, no sessions, no
// limits, no resume, one client at a time and no regard for errors but to end. Beside it, bench-peers shows
// what of ftpd's time is its own and what is that of the machine.
//
//	bare serve ROOT ADDRESS
//	bare get ADDRESS REMOTE LOCAL
//	bare put ADDRESS LOCAL REMOTE
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bare:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	switch {
	case len(args) == 3 && args[0] == "serve":
		return serve(args[1], args[2], out)
	case len(args) == 4 && (args[0] == "get" || args[0] == "put"):
		return ask(args[0], args[1], args[2], args[3])
	}
	return errors.New("usage: bare serve ROOT ADDRESS | get ADDRESS REMOTE LOCAL | put ADDRESS LOCAL REMOTE")
}

// serve answers one client after the other, until it is killed.
func serve(root, address string, out io.Writer) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintln(out, l.Addr())
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		if err := answer(root, c); err != nil && err != io.EOF { // EOF: somebody looks whether it listens
			fmt.Fprintln(os.Stderr, "bare:", err)
		}
		_ = c.Close()
	}
}

// answer does what the first line of a client asks: "get PATH" or "put PATH".
func answer(root string, c net.Conn) error {
	in := bufio.NewReaderSize(c, 256<<10)
	line, err := in.ReadString('\n')
	if err != nil {
		return err
	}
	what, path, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
	path = filepath.Join(root, path)
	if what == "get" {
		return send(path, c)
	}
	if err := receive(in, path); err != nil {
		return err
	}
	_, err = c.Write([]byte{1})
	return err
}

func ask(what, address, from, to string) error {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer c.Close()
	remote := from
	if what == "put" {
		remote = to
	}
	if _, err := fmt.Fprintf(c, "%s %s\n", what, remote); err != nil {
		return err
	}
	if what == "get" {
		return receive(bufio.NewReaderSize(c, 256<<10), to)
	}
	if err := send(from, c); err != nil {
		return err
	}
	_, err = io.ReadFull(c, make([]byte, 1)) // it is stored
	return err
}
