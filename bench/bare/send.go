//go:build linux

package main

import (
	"bufio"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/zeebo/xxh3"
)

// sender reads and hashes on one goroutine, and large files a block ahead of the connection.
type sender struct {
	out   *bufio.Writer
	small []byte
}

func send(path string, out io.Writer) error {
	s := &sender{out: bufio.NewWriterSize(out, block), small: make([]byte, block+1)}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.IsDir() {
		err = s.tree(path, ".")
	} else {
		err = s.file(unix.AT_FDCWD, path, "")
	}
	if err != nil {
		return err
	}
	if err := s.record(record{kind: end}, "", nil); err != nil {
		return err
	}
	return s.out.Flush()
}

func (s *sender) record(r record, name string, content []byte) error {
	var b [recordLen]byte
	r.name, r.length, r.digest = uint16(len(name)), uint32(len(content)), xxh3.Hash128(content)
	r.put(b[:])
	_, _ = s.out.Write(b[:]) // an error comes again
	_, _ = s.out.WriteString(name)
	_, err := s.out.Write(content)
	return err
}

// tree sends the files of a directory, and then what is below it.
func (s *sender) tree(dir, path string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := s.record(record{kind: directory}, path, nil); err != nil {
		return err
	}
	for _, e := range entries {
		if !e.IsDir() {
			if err := s.file(fd, e.Name(), e.Name()); err != nil {
				return err
			}
		}
	}
	for _, e := range entries {
		if e.IsDir() {
			if err := s.tree(dir+"/"+e.Name(), path+"/"+e.Name()); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *sender) file(dirfd int, path, name string) error {
	fd, err := unix.Openat(dirfd, path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return err
	}
	r := record{kind: whole, mode: uint16(stat.Mode & 0o777), mtime: stat.Mtim.Nano()}
	if stat.Size > block {
		return s.large(fd, r, name)
	}
	n, err := unix.Read(fd, s.small)
	if err != nil {
		return err
	}
	return s.record(r, name, s.small[:n])
}

// large has one goroutine read and hash, and this one send.
func (s *sender) large(fd int, r record, name string) error {
	if err := s.out.Flush(); err != nil {
		return err
	}
	type read struct {
		content []byte
		err     error
	}
	free, full := make(chan []byte, 8), make(chan read, 8)
	for range cap(free) {
		free <- make([]byte, recordLen+len(name)+block)
	}
	done := make(chan struct{})
	defer close(done)
	go func() {
		defer close(full)
		for r.kind, r.offset = piece, 0; ; r.offset += block {
			var b []byte
			select {
			case b = <-free:
			case <-done:
				return
			}
			head := recordLen + len(name)
			n, err := unix.Pread(fd, b[head:], r.offset)
			if n <= 0 {
				full <- read{err: err}
				return
			}
			r.name, r.length, r.digest = uint16(len(name)), uint32(n), xxh3.Hash128(b[head:head+n])
			r.put(b)
			copy(b[recordLen:], name)
			full <- read{content: b[:head+n]}
		}
	}()
	for f := range full {
		if f.content == nil {
			return f.err
		}
		if _, err := s.out.Write(f.content); err != nil {
			return err
		}
		free <- f.content[:cap(f.content)]
	}
	return nil
}
