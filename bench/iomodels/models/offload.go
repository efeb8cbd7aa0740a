//go:build linux

package models

import (
	"fmt"
	"runtime"
	"sync"

	"ftpd/selector"
)

// offloadThreads is how many handlers can run at once.
const offloadThreads = 4

// serveOffload is serveEpoll with the handler taken out of the loop: the loop
// reads, a thread of a pool handles, and the loop writes. A handler that blocks
// delays its own client alone, as long as a thread is free. What it costs is two
// hand-overs for each request.
func serveOffload(s Server) error {
	waiter, err := selector.Open(selector.Epoll)
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	if err := setNonblock(s.Listener); err != nil {
		return err
	}
	if _, err := waiter.Register(s.Listener, selector.Read, nil); err != nil {
		return fmt.Errorf("listener: %w", err)
	}
	o := &offload{server: s, waiter: waiter, jobs: make(chan *job, poolQueue)}
	for range offloadThreads {
		go o.work()
	}
	var events []selector.Event
	for {
		events, err = waiter.Select(events, -1)
		if err != nil {
			return fmt.Errorf("wait: %w", err)
		}
		for _, event := range events {
			if err := o.handle(event); err != nil {
				return err
			}
		}
		for _, done := range o.finished() {
			if err := o.answer(done); err != nil {
				return err
			}
		}
	}
}

// A job is the input of one connection on its way through the pool. While it is
// there, nobody else touches the connection.
type job struct {
	conn *conn
	data []byte
}

type offload struct {
	server Server
	waiter *selector.Selector
	jobs   chan *job
	mu     sync.Mutex
	done   []*job
}

// work is one thread of the pool.
func (o *offload) work() {
	runtime.LockOSThread()
	for j := range o.jobs {
		o.server.Handle(j.data)
		o.mu.Lock()
		o.done = append(o.done, j)
		o.mu.Unlock()
		if err := o.waiter.Wake(); err != nil {
			o.server.Note("wake: %v", err)
			return
		}
	}
}

func (o *offload) finished() []*job {
	o.mu.Lock()
	defer o.mu.Unlock()
	done := o.done
	o.done = nil
	return done
}

func (o *offload) handle(event selector.Event) error {
	c, ok := event.Key.Data().(*conn)
	switch {
	case !ok:
		return acceptAll(o.server.Listener, func(fd int) error { return o.await(&conn{fd: fd}) })
	case len(c.rest) > 0:
		return o.flush(c)
	}
	return o.submit(c)
}

// submit reads a request and hands it to the pool. The connection is not
// listened to meanwhile: a level-triggered selector would go on to report input
// that nobody may read yet.
func (o *offload) submit(c *conn) error {
	buf := make([]byte, bufferSize)
	n, err := read(c.fd, buf)
	if again(err) {
		return nil
	}
	if _, err := o.waiter.Unregister(c.fd); err != nil {
		return fmt.Errorf("unregister: %w", err)
	}
	if n <= 0 || err != nil {
		return closeFD(c.fd)
	}
	o.jobs <- &job{conn: c, data: buf[:n]}
	return nil
}

// answer writes what the pool made of a request, and listens for the next.
func (o *offload) answer(j *job) error {
	if err := j.conn.send(j.data); err != nil {
		return closeFD(j.conn.fd)
	}
	return o.await(j.conn)
}

func (o *offload) await(c *conn) error {
	interest := selector.Read
	if len(c.rest) > 0 {
		interest = selector.Write
	}
	if _, err := o.waiter.Register(c.fd, interest, c); err != nil {
		return fmt.Errorf("register: %w", err)
	}
	return nil
}

// flush goes on with an answer that did not fit.
func (o *offload) flush(c *conn) error {
	err := c.send(c.rest)
	switch {
	case err == nil && len(c.rest) > 0:
		return nil
	case err == nil:
		_, err = o.waiter.Modify(c.fd, selector.Read, c)
		return err
	}
	if _, err := o.waiter.Unregister(c.fd); err != nil {
		return fmt.Errorf("unregister: %w", err)
	}
	return closeFD(c.fd)
}
