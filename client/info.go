package client

import (
	"fmt"
	"io/fs"
	"time"

	"ftpd/protocol"
)

// Kind says what a path names.
type Kind uint8

// The kinds.
const (
	File      = Kind(protocol.File)
	Directory = Kind(protocol.Directory)
	Symlink   = Kind(protocol.Symlink)
	Special   = Kind(protocol.Special) // a device, a socket, a named pipe
)

// String returns "file", "directory", "symlink" or "special file".
func (k Kind) String() string {
	switch k {
	case File:
		return "file"
	case Directory:
		return "directory"
	case Symlink:
		return "symlink"
	case Special:
		return "special file"
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Info describes a path on the server.
type Info struct {
	Kind   Kind
	Mode   fs.FileMode // permission bits
	Size   int64       // in bytes; of a regular file
	Mtime  time.Time   // the zero time where the server cannot tell it
	ETag   uint64      // changes whenever the content may have
	Target string      // of a symbolic link
}

func infoOf(m *protocol.Meta) Info {
	return Info{
		Kind:   Kind(m.Kind),
		Mode:   fs.FileMode(m.Mode) & fs.ModePerm,
		Size:   int64(m.Size),
		Mtime:  timeOf(m.Mtime),
		ETag:   uint64(m.ETag),
		Target: m.Target,
	}
}

// Entry is one line of a listing. Its path is what the server sent: bytes that
// may hold anything but NUL.
type Entry struct {
	Path string // below the listed directory, with slashes; of a Glob the whole path
	Info
	Err error // why this directory could not be read, or that its name is illegal; Info may be partial then
}

// Server is what a server told about itself.
type Server struct {
	Agent    string // its name and version
	Address  string // host and port that were dialled
	ReadOnly bool   // every change is refused
	Users    bool   // it has users, who can log in
	Durable  bool   // a Put returns only when the file is synced to the disk
	InFlight int    // requests that may be in flight on this connection
}

// Sum is the digest of a file on the server.
type Sum struct {
	Size   int64 // in bytes
	ETag   uint64
	Digest protocol.Digest // of Client.Sum; else zero
	SHA256 [32]byte        // of Client.SumSHA256; else zero
}

// Result is a finished transfer.
type Result struct {
	Path      string // on the server
	Size      int64  // in bytes, those that were resumed among them
	Resumed   int64  // bytes that an earlier run had transferred, and this one did not again
	Restarted bool   // an earlier run had transferred a part of another version, which was given up
	Repaired  int64  // blocks that arrived damaged, at either end, and were transferred again
	Mtime     time.Time
	Mode      fs.FileMode
	ETag      uint64          // of the file on the server
	Digest    protocol.Digest // of all bytes; zero of a put that was resumed, which only the server has seen whole
	Duration  time.Duration
}

// FileEvent tells what became of one file of a transfer.
type FileEvent struct {
	Remote, Local string
	Result        Result
	Err           error  // nil if the file was transferred or skipped
	Skipped       string // why it was skipped: "symlink", "special file", SkippedPart or, of a put, SkippedReserved
}

// Summary counts what became of a tree.
type Summary struct {
	Files       int64 // transferred
	Directories int64 // made or found
	Failed      int64 // files and directories
	Skipped     int64 // symbolic links, special files, part files and reserved names
	Bytes       int64 // of the files transferred
	Duration    time.Duration
}

// timeOf returns the time that the wire tells; the zero time is none.
func timeOf(mtime int64) time.Time {
	if mtime == protocol.NoTime {
		return time.Time{}
	}
	return time.Unix(0, mtime)
}
