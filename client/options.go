package client

import (
	"context"
	"crypto/tls"
	"io/fs"
	"math"
	"net"
	"time"

	"ftpd/protocol"
)

// Version is the version of this library, told to servers.
const Version = "0.1.0"

// Options of a connection. The zero value, or nil, is the default; a negative
// duration switches a limit off.
type Options struct {
	// Agent is what the server is told of the program, at most 255 bytes; the
	// default is "ftpd-client/" and the version.
	Agent string
	// DialTimeout bounds connecting, the handshake of TLS and greeting; the default is 10 seconds.
	DialTimeout time.Duration
	// Timeout is how long a connection with open requests may be silent: when
	// no byte comes or goes for so long, it fails with ErrTimeout. While the
	// server digests, removes or commits, its answer to a PING counts; so it
	// does while a source rests, which servers are shown by PING whatever the
	// timeout. The default is 60 seconds.
	Timeout time.Duration
	// InFlight is the most requests in flight, 1 to 65535; the default is 4096.
	// The server may allow fewer.
	InFlight int
	// Retries is how many times in a row a connection that was lost is dialled
	// again, and what was under way goes on; what was achieved in between, such as
	// a block that came, begins the count anew. 0 is none: a Client whose
	// connection is lost then fails every call.
	Retries int
	// OnRetry is told before each such attempt; it may be nil, and must be quick.
	OnRetry func(Retry)
	// Connections is how many connections are used at most; the default is 1. More
	// are dialled when many files of a tree are under way, or a file of many blocks;
	// those that cannot be had are done without.
	Connections int
	// TLS, where it is not nil, puts each connection into TLS 1.3 with the protocol's
	// name (ALPN); ServerName is the address's host unless it says another. How the
	// server is verified is up to it: a zero one trusts the system's authorities. The
	// handshake counts for DialTimeout. nil is a plain connection.
	TLS *tls.Config
	// Login is who the client acts for; nil is nobody.
	Login *Login
	login *login
	// Dial connects; the default is that of net.Dialer. TLS is put upon what it returns.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// withDefaults returns a copy with every default filled in. Durations that
// are switched off become 0.
func (o *Options) withDefaults() Options {
	var filled Options
	if o != nil {
		filled = *o
	}
	if filled.Agent == "" {
		filled.Agent = "ftpd-client/" + Version
	}
	filled.Agent = filled.Agent[:min(len(filled.Agent), protocol.MaxAgent)]
	filled.DialTimeout = durationOr(filled.DialTimeout, 10*time.Second)
	filled.Timeout = durationOr(filled.Timeout, time.Minute)
	if filled.InFlight <= 0 {
		filled.InFlight = protocol.DefaultInFlight
	}
	filled.InFlight = min(filled.InFlight, math.MaxUint16)
	filled.Retries = max(filled.Retries, 0)
	filled.Connections = max(filled.Connections, 1)
	if filled.Login != nil {
		filled.login = &login{Login: *filled.Login}
	}
	if filled.Dial == nil {
		filled.Dial = new(net.Dialer).DialContext
	}
	return filled
}

func durationOr(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return max(d, 0)
}

// ListOptions refine a List.
type ListOptions struct {
	Recursive bool // the whole tree below the path; symbolic links are not followed
}

// GetOptions refine a Get. The zero value, or nil, gets the whole file.
type GetOptions struct {
	Offset   int64    // where to begin, in bytes; past the end gets nothing
	Length   int64    // in bytes; 0 is to the end
	IfMatch  uint64   // the ETag that the file must have; 0 is any
	Progress Progress // may be nil
}

// PutOptions refine a Put. The zero value, or nil, replaces what is there and
// makes missing parent directories.
type PutOptions struct {
	// Size is how many bytes the reader has. 0 learns it from an *os.File of
	// a regular file and from readers with a Len method, and otherwise is
	// unknown, as a negative value always is. A reader with more or fewer
	// bytes than its size is a LocalError that wraps ErrChanged.
	Size       int64
	Mode       fs.FileMode // permission bits; 0 is the server's default, so that no file is stored without any
	Mtime      time.Time   // the zero time is that of the commit
	CreateOnly bool        // fail with ErrExists where the path is taken
	IfMatch    uint64      // the ETag that the path must have; 0 is any
	NoParents  bool        // fail with ErrNotFound where the parent directory is missing
	Progress   Progress    // may be nil
	// Lost is called when the connection is lost and the reader cannot be read
	// again: whoever gives one that can block for long has it fail then. Put
	// returns the reason of the loss. It may be nil.
	Lost func()
}

// RenameOptions refine a Rename. The zero value, or nil, replaces a file.
type RenameOptions struct {
	NoReplace bool // fail with ErrExists where the new path is taken
	Parents   bool // make missing parent directories of the new path
}

// TransferOptions refine the transfers of files and trees. The zero value, or
// nil, is the default.
type TransferOptions struct {
	// Workers is how many files of a tree are at work at once, so many of up to 64 KiB
	// and so many others; the default is 512, or fewer where the process may not open
	// as many.
	Workers    int
	Progress   Progress        // may be nil
	OnFile     func(FileEvent) // called for each finished, failed or skipped file, never concurrently; may be nil
	CreateOnly bool            // fail where the target file exists
	IfMatch    uint64          // of PutFile: the ETag that the path on the server must have; 0 is any
	Links      Links           // of trees; the default is SkipLinks
	// Select is asked for each file and directory below the top of a tree, and for a link
	// that cannot be followed, by its path there; what it answers false for is left out, and so it must for all that
	// such a directory holds. It may be called concurrently. nil selects all.
	Select func(path string, kind Kind) bool
}

// defaultWorkers is how many work on a file each: what waits for a round trip
// waits together, and what waits for the server's disk is made durable together.
const (
	defaultWorkers = 512
	// largeAtOnce is how many files of more than a block are at work at once: each
	// holds blocks, and a few keep the connection busy.
	largeAtOnce = 16
)

func (o *TransferOptions) withDefaults() TransferOptions {
	var filled TransferOptions
	if o != nil {
		filled = *o
	}
	if filled.Progress == nil {
		filled.Progress = noProgress{}
	}
	return filled
}
