//go:build linux

package models

import (
	"errors"
	"fmt"
	"net"
	"os"
)

// serveGoroutines is what Go programs do today: the code blocks, the goroutine
// parks, and the runtime waits for all of them with one edge-triggered epoll.
func serveGoroutines(s Server) error {
	listener, err := listenerOf(s.Listener)
	if err != nil {
		return err
	}
	for {
		conn, err := listener.Accept()
		if err != nil {
			return fmt.Errorf("accept: %w", err)
		}
		go func() {
			defer conn.Close()
			buf := make([]byte, bufferSize)
			for {
				n, err := conn.Read(buf)
				if err != nil {
					return
				}
				s.Handle(buf[:n])
				if _, err := conn.Write(buf[:n]); err != nil {
					return
				}
			}
		}()
	}
}

// listenerOf hands a listening socket over to package net, which takes a
// duplicate of its own.
func listenerOf(fd int) (net.Listener, error) {
	file := os.NewFile(uintptr(fd), "listener")
	listener, err := net.FileListener(file)
	if err := errors.Join(err, file.Close()); err != nil {
		return nil, fmt.Errorf("listener: %w", err)
	}
	return listener, nil
}
