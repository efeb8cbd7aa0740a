package reactor

import "time"

// Session is one connection's protocol. The loop calls its methods on its own
// goroutine, one at a time, and none of them may block.
type Session interface {
	// Open is the first call.
	Open(now time.Time, link Link)
	// Paused reports that the session can use no input now.
	Paused() bool
	// Input returns where the next bytes are to be read to, and nothing when
	// there is no memory for them; Resume follows when there is. It may be
	// Link.Scratch, of which nothing may be kept when Received returns.
	Input(now time.Time) []byte
	// Received tells that n bytes were read into what Input returned. It
	// handles a bounded number of messages, and calls Link.Again for the rest.
	Received(now time.Time, n int)
	// Holding returns since when memory is held that waits for the peer to send
	// more, and the zero time where none does.
	Holding() time.Time
	// EOF tells that the peer sends no more.
	EOF(now time.Time)
	// Resume lets the session go on: its output was written, memory it asked
	// for is there, or it called Link.Again.
	Resume(now time.Time)
	// Complete brings back a job that ran on the offload pool. It is called
	// for every job, even after Closed, so that what a job holds is let go.
	Complete(now time.Time, job Job)
	// Expire tells that the deadline has passed.
	Expire(now time.Time)
	// Drain asks the session to finish what is in flight, take nothing new,
	// and then call Link.Finish.
	Drain(now time.Time)
	// Closed tells that the connection is gone. The session gives its buffers
	// back and may only offload jobs that clean up.
	Closed(now time.Time, reason Reason)
}

// Link is what a session can do with its connection. Like the session it is
// used on the loop goroutine only.
type Link interface {
	// Reserve returns an empty slice with room for n bytes at the end of the
	// output; Commit queues what was appended to it. The two are one step.
	Reserve(n int) []byte
	Commit(b []byte)
	// Send queues the first n bytes of a buffer and takes the buffer over.
	Send(b *Buffer, n int)
	// Queued returns the bytes of output not yet written.
	Queued() int
	// Buffer lends a buffer of at least size bytes. It returns nil when the
	// server's memory for that use is lent; Resume is called when it is not.
	Buffer(size int, use Use) *Buffer
	// Take lends a buffer of at least size bytes whatever the limit says. It is
	// for what has arrived already, and cannot be put back.
	Take(size int) *Buffer
	// Hungry reports that a call of Buffer has yielded nothing yet.
	Hungry() bool
	// Scratch returns memory of the loop for Input, of MediumBuffer bytes.
	Scratch() []byte
	// Share returns how many bytes of buffers the connection should hold at
	// most, for now. It shrinks as memory runs out, down to 0.
	Share() int
	// Release gives a buffer back.
	Release(b *Buffer)
	// Offload runs a job on the pool; Complete brings it back.
	Offload(lane Lane, job Job)
	// Again asks for a call of Resume in the next round, which does not wait.
	Again()
	// SetDeadline sets when Expire is called; the zero time is never.
	SetDeadline(t time.Time)
	// Moved returns when a byte was last read or written. It is now while the
	// connection waits for a bucket.
	Moved() time.Time
	// Counts returns the bytes read and written so far.
	Counts() (in, out int64)
	// Limit has the connection share a bucket, besides those that it has.
	Limit(b *Bucket)
	// Admit gives a connection in a spare place one inside, beyond what the server
	// takes, so that the spare one is there for the next administrator.
	Admit()
	// Handshaking reports that the transport is not ready yet: what is queued waits.
	Handshaking() bool
	// Secure reports that the connection is inside TLS, whose handshake is over.
	Secure() bool
	// Exporter returns 32 bytes that are known to the two ends of this TLS connection
	// only, by a label of who asks (RFC 8446 7.5); false outside TLS.
	Exporter(label string) ([]byte, bool)
	// Cause returns what the reason alone does not tell of why the connection ends; nil
	// for most.
	Cause() error
	// Finish writes what is queued and closes then; no input is read.
	Finish(reason Reason)
	// Abort closes at the end of the round and drops what is queued.
	Abort(reason Reason)
}

// Job is work that may block. Run is called on a goroutine of the pool; until
// Complete brings the job back nothing else touches it.
type Job interface {
	Run()
}

// Reason names why a connection was closed. Every close has one.
type Reason string

// The reasons that the loop gives; a session adds its own.
const (
	ReasonEOF           Reason = "eof"                 // the peer closed
	ReasonCut           Reason = "tls cut"             // the peer's bytes ended, and TLS had not
	ReasonTLS           Reason = "tls error"           // the handshake failed, or a record was not right; the cause tells
	ReasonDistrust      Reason = "certificate refused" // the client says that it does not trust this server
	ReasonHandshakeCut  Reason = "handshake cut"       // the peer went away during the handshake
	ReasonPlain         Reason = "not tls"             // a client without TLS came to a port with it
	ReasonHandshakes    Reason = "too many handshakes" // the longest of them, for the sake of another
	ReasonReset         Reason = "reset"               // reading or writing failed
	ReasonInternal      Reason = "internal error"      // a handler panicked
	ReasonDrainTimeout  Reason = "drain timeout"       // still busy when the time to drain was over
	ReasonAbort         Reason = "abort"               // the server ends at once
	ReasonMemory        Reason = "memory timeout"      // held memory too long that others wait for
	ReasonSelectorError Reason = "selector error"      // the descriptor could not be watched, or none could
)
