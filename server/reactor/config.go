package reactor

import (
	"crypto/tls"
	"log/slog"
	"runtime"
	"time"

	"ftpd/selector"
)

// Config is what a loop can be told. A zero field is its default; negative
// values are not allowed.
type Config struct {
	Selector        selector.Kind      // default Auto, the best of the platform
	NewSession      func(Peer) Session // makes the session of an accepted connection; required
	Logger          *slog.Logger       // default slog.Default
	TLS             *tls.Config        // of a server, with TLS 1.3 only; nil is plain TCP
	Handshakes      int                // of TLS, under way at once, default 4,096; one more ends the longest
	MaxClients      int                // connections at once, default 10,000; one over it is told so by its session
	MaxPerAddress   int                // those of one address, or of one /64 network of IPv6, default any number
	Spare           int                // places beyond both in which a connection may log in, see Peer.Spare; default none
	RateUp          int64              // bytes a second that all clients together may send, at least MinRate; default any number
	RateDown        int64              // bytes a second that all of them may be sent, likewise
	AddressRateUp   int64              // what those of one address, or of one /64 network, may send, likewise
	AddressRateDown int64              // what those may be sent, likewise
	Memory          int64              // bytes for all buffers together, default 256 MiB, at least 4 MiB
	ReadBudget      int                // bytes that a round may read, shared among those that have some, default 1 MiB
	WriteBudget     int                // bytes that a round may write, shared likewise, default 1 MiB
	LowWater        int                // bytes of queued output below which a session is asked for more, default 512 KiB
	QuickWorkers    int                // goroutines of the quick lane, default 16
	OpenWorkers     int                // goroutines of the open lane, default 16
	TransferWorkers int                // goroutines of the transfer lane, default 8
	CommitWorkers   int                // goroutines of the commit lane, default 512
	SlowWorkers     int                // goroutines of the slow lane, default half the processors, at least 2
	HomeWorkers     int                // goroutines of the home lane, default 64
	DrainTimeout    time.Duration      // how long a shutdown waits for what is in flight, default 30 s
	HoldTimeout     time.Duration      // how long memory may wait for a peer while others wait for memory, default 10 s
	LingerTimeout   time.Duration      // how long the last words of a connection may take, default 5 s
	AcceptPause     time.Duration      // how long accepting rests when descriptors have run out, default 200 ms
	Heartbeat       func()             // called on the loop goroutine, so that who hears no more of it knows the loop stuck; nil is never
	HeartbeatEvery  time.Duration      // how often; required with Heartbeat
}

const minMemory = 4 << 20

func (c Config) withDefaults() Config {
	setDefault(&c.Logger, slog.Default())
	setDefault(&c.MaxClients, 10_000)
	setDefault(&c.Handshakes, 4096)
	setDefault(&c.Memory, 256<<20)
	setDefault(&c.ReadBudget, 1<<20)
	setDefault(&c.WriteBudget, 1<<20)
	setDefault(&c.LowWater, 512<<10)
	setDefault(&c.QuickWorkers, 16)
	setDefault(&c.OpenWorkers, 16)
	setDefault(&c.TransferWorkers, 8)
	setDefault(&c.CommitWorkers, 512)
	setDefault(&c.SlowWorkers, max(2, runtime.NumCPU()/2))
	setDefault(&c.HomeWorkers, 64)
	setDefault(&c.DrainTimeout, 30*time.Second)
	setDefault(&c.HoldTimeout, 10*time.Second)
	setDefault(&c.LingerTimeout, 5*time.Second)
	setDefault(&c.AcceptPause, 200*time.Millisecond)
	c.Memory = max(c.Memory, minMemory)
	return c
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
