package client

import (
	"errors"
	"io"
	"os"
	"syscall"
	"time"

	"ftpd/protocol"
)

// sizeUnknown is the size of a source that has to be read to its end.
const sizeUnknown = -1

// source cuts what a reader has into blocks, and holds it to its size.
type source struct {
	r     io.Reader
	name  string      // for errors
	size  int64       // in bytes, or sizeUnknown
	info  os.FileInfo // what the file was at first; nil if r is no regular file
	file  *os.File    // r, if it is a regular file
	again io.Seeker   // r, if it can be read once more
	start int64       // where in r it began
	keeps bool        // a PUT of it may be gone on with by another
	read  int64       // bytes handed out
	ahead [1]byte     // the byte behind the last block, if held
	held  bool
}

// newSource returns a source of r. size is that of PutOptions.
func newSource(r io.Reader, size int64) (*source, error) {
	s := &source{r: r, name: nameOf(r), size: max(size, sizeUnknown)}
	f, isFile := r.(*os.File)
	if seeker, ok := r.(io.Seeker); ok && !isFile { // a file may be a pipe or a device
		if at, err := seeker.Seek(0, io.SeekCurrent); err == nil {
			s.again, s.start = seeker, at
		}
	}
	if size != 0 {
		return s, nil
	}
	s.size = sizeUnknown
	if sized, ok := r.(interface{ Len() int }); ok {
		s.size = int64(sized.Len())
	} else if isFile {
		return s, s.learn(f)
	}
	return s, nil
}

// repeats tells whether the source can be read once more.
func (s *source) repeats() bool { return s.again != nil }

// rereads tells whether any part of it can be read once more, out of turn.
func (s *source) rereads() bool {
	_, ok := s.again.(io.ReaderAt)
	return ok
}

// readAgain fills b with what came at an offset before.
func (s *source) readAgain(b []byte, offset int64) error {
	n, err := s.again.(io.ReaderAt).ReadAt(b, s.start+offset)
	switch {
	case n == len(b):
		return nil
	case errors.Is(err, io.EOF):
		err = errResized
	}
	return localError("read", s.name, err)
}

// learn takes the size of a regular file, from where it stands.
func (s *source) learn(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return localError("stat", s.name, err)
	}
	switch {
	case info.IsDir():
		return localError("read", s.name, syscall.EISDIR)
	case !info.Mode().IsRegular():
		return nil
	}
	at, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		return localError("seek", s.name, err)
	}
	s.file, s.info, s.start, s.again = f, info, at, f
	if info.Size() > 0 { // a file of /proc has no size, and bytes nevertheless
		s.size = max(0, info.Size()-at)
	}
	return nil
}

// skip goes on behind so many bytes, whatever was read by now.
func (s *source) skip(offset int64) error {
	if _, err := s.again.Seek(s.start+offset, io.SeekStart); err != nil {
		return localError("seek", s.name, err)
	}
	s.read, s.held = offset, false
	return nil
}

// bufferSize returns what the first block takes, with the frame around it.
func (s *source) bufferSize() int {
	if s.size >= 0 && s.size <= protocol.ControlBuffer/2 {
		return protocol.ControlBuffer
	}
	return protocol.BlockBuffer
}

// next reads the next block to the start of b and reports whether it is the
// last. All but the last have protocol.BlockSize bytes.
func (s *source) next(b []byte) (n int, last bool, err error) {
	if s.held {
		b[0], n, s.held = s.ahead[0], 1, false
	}
	want := protocol.BlockSize
	if s.size >= 0 { // one more would show that it has grown
		want = int(min(int64(want), s.size-s.read+1))
	}
	n, err = readMore(s.r, b[:want], n)
	if err == nil && n == protocol.BlockSize && (s.size < 0 || s.size == s.read+int64(n)) {
		var held int
		held, err = readMore(s.r, s.ahead[:], 0)
		s.held = held > 0
	}
	last = errors.Is(err, io.EOF)
	if err != nil && !last {
		return 0, false, localError("read", s.name, err)
	}
	s.read += int64(n)
	return n, last, s.check(last)
}

// check tells whether the size still holds.
func (s *source) check(last bool) error {
	have := s.read
	if s.held {
		have++
	}
	if s.size >= 0 && (have > s.size || last && have < s.size) {
		return &LocalError{Op: "read", Path: s.name, Err: errResized}
	}
	if last && s.file != nil {
		return s.unchanged()
	}
	return nil
}

// unchanged tells whether a file is still what it was when its reading began:
// a mixture of two versions must not get a name.
func (s *source) unchanged() error {
	info, err := s.file.Stat()
	if err != nil {
		return localError("stat", s.name, err)
	}
	if info.Size() != s.info.Size() || !info.ModTime().Equal(s.info.ModTime()) || inodeChanged(s.info, info) {
		return &LocalError{Op: "read", Path: s.name, Err: errRewritten}
	}
	return nil
}

// changed is a reason why a source is not what it was; it matches ErrChanged.
type changed string

func (c changed) Error() string        { return string(c) }
func (c changed) Is(target error) bool { return target == ErrChanged }

const (
	errResized   changed = "it grew or shrank while it was read"
	errRewritten changed = "it was written to while it was read, or given other attributes"
	errReplaced  changed = "it is no regular file any more"
)

// readMore fills b from n on. Its error is io.EOF when r ended before b was
// full.
func readMore(r io.Reader, b []byte, n int) (int, error) {
	for idle := 0; n < len(b); idle++ {
		m, err := r.Read(b[n:])
		n += m
		switch {
		case n < len(b) && err != nil:
			return n, err
		case m > 0:
			idle = 0
		case idle == 100: // as package bufio does
			return n, io.ErrNoProgress
		}
	}
	return n, nil
}

// wireTime returns t as the wire has it: nanoseconds since 1970, or
// protocol.NoTime for the zero time and those that do not fit.
func wireTime(t time.Time) int64 {
	if t.IsZero() || t.Year() < 1678 || t.Year() > 2261 {
		return protocol.NoTime
	}
	return t.UnixNano()
}
