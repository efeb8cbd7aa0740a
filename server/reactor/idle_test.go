package reactor

import (
	"net/netip"
	"runtime"
	"testing"
	"time"
	"unsafe"

	"ftpd/selector"
)

// TestIdleSize pins what a connection takes that has no output. The allocator's next
// size is 160 bytes.
func TestIdleSize(t *testing.T) {
	if size := unsafe.Sizeof(Conn{}); size > 144 && unsafe.Sizeof(uintptr(0)) == 8 {
		t.Errorf("an idle connection has %d bytes", size)
	}
}

// TestRestGivesBack has a connection whose output is written hold no flow.
func TestRestGivesBack(t *testing.T) {
	l := &Loop{buffers: buffers{limit: minMemory}}
	c := &Conn{loop: l}
	c.transport = (*plain)(c)
	c.rest()
	c.enqueue(l.buffers.must(0))
	c.rest()
	if c.flow == nil {
		t.Fatal("what is queued is gone")
	}
	l.buffers.put(c.flow.output.pop())
	c.rest()
	if c.flow != nil || len(l.flows) != 1 || c.Queued() != 0 {
		t.Errorf("the flow is still there, and %d are kept", len(l.flows))
	}
	c.Abort(ReasonAbort)
	if c.rest(); c.reason() != ReasonAbort {
		t.Errorf("it ends for %q", c.reason())
	}
}

type quietSession struct{ Session }

func (quietSession) Open(now time.Time, link Link) { link.SetDeadline(now.Add(time.Hour)) }

// BenchmarkIdle makes 100,000 connections, without a descriptor behind them, and tells
// what the loop and the selector hold of each.
func BenchmarkIdle(b *testing.B) {
	const count = 100_000
	for b.Loop() {
		before := heapInUse()
		l := &Loop{config: Config{NewSession: func(Peer) Session { return quietSession{} }, MaxClients: 2 * count}.withDefaults()}
		l.listener.loop = l
		l.now, l.epoch = time.Now(), time.Now()
		keys := make([]*selector.Key, 0, count)
		for fd := range count {
			l.add(fd, netip.AddrPort{})
			keys = append(keys, new(selector.Key))
		}
		l.touched = nil
		b.ReportMetric(float64(heapInUse()-before)/count, "B/conn")
		runtime.KeepAlive(l)
		runtime.KeepAlive(keys)
	}
}

// heapInUse returns the bytes in use.
func heapInUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
