//go:build linux

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/zeebo/xxh3"
)

// received is what came, to be verified and written.
type received struct {
	record
	dir     int // descriptor of the directory
	name    string
	content []byte
	file    int // descriptor of a large file
}

// receiver reads on one goroutine; others verify and write: two for whole files, one for the
// pieces of large ones, of which a kernel writes one at a time.
type receiver struct {
	in     *bufio.Reader
	target string
	dir    int // where files are made

	files, pieces chan []received
	buffers       chan []byte // of pieces
	batch         []received
	large         received // the first piece of the file that pieces are of
	opened        []int    // descriptors

	group sync.WaitGroup
	mu    sync.Mutex
	err   error
}

func receive(in *bufio.Reader, target string) error {
	r := &receiver{in: in, target: target, dir: unix.AT_FDCWD}
	r.files, r.pieces, r.buffers = make(chan []received, 64), make(chan []received, 8), make(chan []byte, 8)
	for range cap(r.buffers) {
		r.buffers <- make([]byte, block)
	}
	for range 2 {
		r.group.Go(func() { r.work(r.files) })
	}
	r.group.Go(func() { r.work(r.pieces) })
	err := r.read()
	r.hand()
	close(r.files)
	close(r.pieces)
	r.group.Wait()
	if r.large.name != "" {
		err = errors.Join(err, r.large.stamp())
	}
	for _, fd := range r.opened {
		err = errors.Join(err, unix.Close(fd))
	}
	return errors.Join(err, r.err)
}

func (r *receiver) read() error {
	var b [recordLen]byte
	for {
		if _, err := io.ReadFull(r.in, b[:]); err != nil {
			return err
		}
		var f received
		f.get(b[:])
		if f.kind == end {
			return nil
		}
		name := make([]byte, f.record.name)
		if _, err := io.ReadFull(r.in, name); err != nil {
			return err
		}
		f.name = string(name)
		if err := r.take(f); err != nil {
			return err
		}
	}
}

func (r *receiver) take(f received) (err error) {
	if f.kind == directory {
		path := filepath.Join(r.target, f.name)
		if err := unix.Mkdir(path, 0o755); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if r.dir, err = unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err == nil {
			r.opened = append(r.opened, r.dir)
		}
		return err
	}
	if f.length > block {
		return fmt.Errorf("a block of %d bytes", f.length)
	}
	if f.name == "" {
		f.name = r.target
	}
	if f.dir = r.dir; f.kind == piece {
		f.content = <-r.buffers
		if f.offset == 0 {
			f.file, err = unix.Openat(f.dir, f.name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, uint32(f.mode))
			if err != nil {
				return fmt.Errorf("%s: %w", f.name, err)
			}
			r.large, r.opened = f, append(r.opened, f.file)
		}
		f.file, f.content = r.large.file, f.content[:f.length]
	} else {
		f.content = make([]byte, f.length)
	}
	if _, err := io.ReadFull(r.in, f.content); err != nil {
		return err
	}
	if f.kind == piece {
		r.pieces <- []received{f}
		return nil
	}
	if r.batch = append(r.batch, f); len(r.batch) == 16 {
		r.hand()
	}
	return nil
}

// hand gives the files that have gathered to a worker.
func (r *receiver) hand() {
	if len(r.batch) > 0 {
		r.files <- r.batch
		r.batch = nil
	}
}

func (r *receiver) work(from chan []received) {
	for list := range from {
		for _, f := range list {
			err := f.store()
			if f.kind == piece {
				r.buffers <- f.content[:block]
			}
			if err != nil {
				r.mu.Lock()
				r.err = fmt.Errorf("%s: %w", f.name, err)
				r.mu.Unlock()
			}
		}
	}
}

func (f *received) store() error {
	if xxh3.Hash128(f.content) != f.digest {
		return errors.New("damaged")
	}
	if f.kind == piece {
		_, err := unix.Pwrite(f.file, f.content, f.offset)
		return err
	}
	dir, where := f.dir, "."
	if dir == unix.AT_FDCWD {
		where = filepath.Dir(f.name)
	}
	fd, err := unix.Openat(dir, where, unix.O_WRONLY|unix.O_TMPFILE|unix.O_CLOEXEC, uint32(f.mode))
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if _, err := unix.Write(fd, f.content); err != nil {
		return err
	}
	if err := unix.Linkat(fd, "", dir, f.name, unix.AT_EMPTY_PATH); err != nil {
		return err
	}
	return f.stamp()
}

func (f *received) stamp() error {
	return unix.UtimesNanoAt(f.dir, f.name, []unix.Timespec{{Nsec: unix.UTIME_OMIT}, unix.NsecToTimespec(f.mtime)}, 0)
}
