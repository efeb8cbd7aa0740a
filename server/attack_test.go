//go:build unix

package server

import (
	"fmt"
	"math"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"

	"ftpd/protocol"
	"ftpd/server/storage"
	"ftpd/server/storage/faulty"
	"ftpd/server/storage/local"
)

// TestFieldsAtTheirLimits sends every field of every request with no length, with
// the longest and with one more: the first two are answered, the last ends the
// connection with the error that SPEC.md names.
func TestFieldsAtTheirLimits(t *testing.T) {
	root := t.TempDir()
	s, stop := inProcess(t, Config{Root: root, Durability: None})
	defer stop()
	mustDo(t, os.WriteFile(root+"/f", []byte("content"), 0o644))
	long, tooLong := strings.Repeat("n/", protocol.MaxPath/2), strings.Repeat("n/", protocol.MaxPath/2)+"n"
	frame := func(m protocol.Message) []byte { return protocol.Append(nil, 1, m) }
	const none, broken = "OK", "closed: protocol"
	for _, c := range []struct {
		field string
		make  func(path string) []byte
		empty string // the outcome of an empty path
	}{
		{"LIST path", func(p string) []byte { return frame(protocol.List{Path: p}) }, none},
		{"STAT path", func(p string) []byte { return frame(protocol.Stat{Path: p}) }, "META"},
		{"GET path", func(p string) []byte { return frame(protocol.Get{Length: protocol.SizeUnknown, Path: p}) }, "is_directory"},
		{"PUT path", func(p string) []byte { return whole(1, protocol.Put{Flags: protocol.PutEager, Path: p}, "x") }, "is_directory"},
		{"MKDIR path", func(p string) []byte { return frame(protocol.Mkdir{Path: p}) }, "exists"},
		{"REMOVE path", func(p string) []byte { return frame(protocol.Remove{Path: p}) }, "invalid"},
		{"RENAME from", func(p string) []byte { return frame(protocol.Rename{From: p, To: "x"}) }, "invalid"},
		{"RENAME to", func(p string) []byte { return frame(protocol.Rename{From: "f", To: p}) }, "invalid"},
		{"SUM path", func(p string) []byte { return frame(protocol.Sum{Algorithm: protocol.XXH3Tree, Path: p}) }, "is_directory"},
	} {
		w := openWire(t, s.Address().String())
		for path, want := range map[string]string{"": c.empty, long: "not_found"} {
			if got := w.ask(c.make(path)).outcome(); got != want {
				t.Errorf("%s of %d bytes was answered with %s, not %s", c.field, len(path), got, want)
			}
		}
		if got := w.ask(c.make(tooLong)).outcome(); got != broken {
			t.Errorf("%s of 4097 bytes was answered with %s", c.field, got)
		}
	}
}

// TestOffsetsNearTheEnd has ranges, sizes and blocks at 2^63 and around: none
// wraps, allocates, or makes a file that is there in part.
func TestOffsetsNearTheEnd(t *testing.T) {
	root := t.TempDir()
	s, stop := inProcess(t, Config{Root: root, Durability: None})
	defer stop()
	mustDo(t, os.WriteFile(root+"/f", []byte("content"), 0o644))
	const all, most, broken = uint64(protocol.SizeUnknown), uint64(math.MaxInt64), "closed: protocol"
	get := func(offset, length uint64) []byte {
		return protocol.Append(nil, 1, protocol.Get{Offset: offset, Length: length, Path: "f"})
	}
	put := func(size, offset uint64) []byte {
		b := protocol.Append(nil, 1, protocol.Put{Flags: protocol.PutEager, Size: size, Path: "new"})
		return protocol.Append(b, 1, protocol.Data{Offset: offset, Digest: protocol.BlockDigest([]byte("x")), Bytes: []byte("x")})
	}
	for i, c := range []struct {
		frames []byte
		want   string
	}{
		{get(most, all), "END"},
		{get(most, 0), "END"},
		{get(most, 1), broken},
		{get(most+1, all), broken},
		{get(math.MaxUint64, all), broken},
		{get(1, most-1), "END"},
		{get(1, most), broken},
		{get(7, all-1), broken},
		{put(most, most-1), "invalid"}, // where 0 was next
		{put(most, most), broken},
		{put(most+1, 0), broken},
		{put(all-1, 0), broken},
		{put(all, math.MaxUint64), broken},
		{put(all, most-1), "invalid"},
	} {
		w := openWire(t, s.Address().String())
		if got := w.ask(c.frames).outcome(); got != c.want && (c.want != "invalid" || got != "no_space" && got != "too_large") {
			t.Errorf("%d: answered with %s, not %s", i, got, c.want)
		}
	}
	if _, err := os.Stat(root + "/new"); err == nil {
		t.Error("a file came of it")
	}
	eventually(t, "the end of all loans", func() bool { return s.Stats().Memory == 0 })
}

// TestSlowFrames has clients that send a frame a byte at a time, and never its
// end: they hold next to nothing, and a good client is served meanwhile.
func TestSlowFrames(t *testing.T) {
	s, stop := inProcess(t, Config{Root: t.TempDir(), Durability: None, Memory: 8 << 20})
	defer stop()
	address := s.Address().String()
	const slow = 300
	request := protocol.Append(nil, 1, protocol.Stat{Path: strings.Repeat("p/", 2000)})
	stopGood := goodClient(t, address)
	var group sync.WaitGroup
	var wires []*wire
	for range slow {
		wires = append(wires, openWire(t, address))
	}
	for _, w := range wires {
		group.Go(func() {
			for i := range request[:200] {
				w.send(request[i : i+1])
			}
		})
	}
	group.Wait()
	stopGood()
	eventually(t, fmt.Sprintf("that %d clients which send a byte at a time hold little", slow), func() bool {
		return s.Stats().Memory <= slow*5<<10
	})
	for _, w := range wires[:3] { // and a slow frame is a frame
		if got := w.ask(request[200:]); got.err != nil {
			t.Error(got.err)
		}
	}
}

// TestPanicInOneConnection has a storage that panics in each of its operations: the
// connection ends, the others go on, nothing of the upload is there, and what the
// request held comes back.
func TestPanicInOneConnection(t *testing.T) {
	large := strings.Repeat("0123456789abcdef", 1<<15)
	for op, frames := range map[faulty.Op][]byte{
		faulty.Stat:           protocol.Append(nil, 1, protocol.Stat{Path: "f"}),
		faulty.Open:           protocol.Append(nil, 1, protocol.Get{Length: protocol.SizeUnknown, Path: "f"}),
		faulty.FileReadAt:     protocol.Append(nil, 1, protocol.Get{Length: protocol.SizeUnknown, Path: "f"}),
		faulty.FileStat:       protocol.Append(nil, 1, protocol.Sum{Algorithm: protocol.XXH3Tree, Path: "f"}),
		faulty.List:           protocol.Append(nil, 1, protocol.List{}),
		faulty.ListNext:       protocol.Append(nil, 1, protocol.List{}),
		faulty.Mkdir:          protocol.Append(nil, 1, protocol.Mkdir{Path: "d"}),
		faulty.Remove:         protocol.Append(nil, 1, protocol.Remove{Path: "f"}),
		faulty.Rename:         protocol.Append(nil, 1, protocol.Rename{From: "f", To: "new"}),
		faulty.Create:         whole(1, protocol.Put{Flags: protocol.PutEager, Path: "new"}, large),
		faulty.StagingWriteAt: whole(1, protocol.Put{Flags: protocol.PutEager, Path: "new"}, large[:100<<10]),
		faulty.StagingMark:    whole(1, protocol.Put{Flags: protocol.PutEager, Path: "new"}, "small"),
		faulty.StagingCommit:  whole(1, protocol.Put{Flags: protocol.PutEager, Path: "new"}, large),
	} {
		t.Run(op.String(), func(t *testing.T) {
			root := t.TempDir()
			mustDo(t, os.WriteFile(root+"/f", []byte(large), 0o644))
			mustDo(t, os.Mkdir(root+"/good", 0o755))
			store, err := local.Open(root, local.Options{NoSync: true})
			mustDo(t, err)
			bad := faulty.On(func(_ faulty.Op, path storage.Path) error {
				if !strings.HasPrefix(string(path), "good") {
					panic("asked to")
				}
				return nil
			}, op)
			s, err := listen(Config{Logger: quiet, Selector: asked(t), Identity: inside(t)}, netip.MustParseAddrPort("127.0.0.1:0"), faulty.New(store, faulty.Hooks{Before: bad}), admission{})
			mustDo(t, err)
			stop := serve(t, s)
			defer stop()
			good := dial(t, s.Address().String())
			use := func() {
				put(t, good, "good/f", large)
				if get(t, good, "good/f") != large {
					t.Error("other content came back")
				}
			}
			use()
			w := openWire(t, s.Address().String())
			if a := w.ask(frames); a.err == nil || a.outcome() == "nothing" {
				t.Errorf("the connection is not closed: %s", a.outcome())
			}
			use()
			if _, err := os.Stat(root + "/new"); err == nil {
				t.Error("a file came of it")
			}
			eventually(t, "the end of all jobs and loans", func() bool {
				stats := s.Stats()
				return stats.Connections == 1 && stats.Jobs == 0 && stats.Memory == 0
			})
		})
	}
}

// TestNothingIsLeftOfAttacks counts what the server holds before and after all kinds
// of attacks at once.
func TestNothingIsLeftOfAttacks(t *testing.T) {
	w := newTrap(t)
	s, stop := inProcess(t, Config{Root: w.root, Durability: None})
	defer stop()
	attack := func(n int) {
		var group sync.WaitGroup
		for i := range n {
			group.Go(func() {
				for op, frames := range pathOpcodes {
					c := dialWire(t, s.Address().String())
					c.send(protocol.Append(nil, 0, protocol.Hello{InFlight: 100, Agent: op}))
					b := frames([]string{"inside/f", "..", "x\x00", "inside"}[i%4])
					c.send(append(b, b[:(i*7)%len(b)]...))
					if i%3 == 0 {
						c.send([]byte(strings.Repeat("garbage", 100)))
					}
					_ = c.conn.Close()
				}
			})
		}
		group.Wait()
		eventually(t, "the end of all jobs and loans", func() bool {
			stats := s.Stats()
			return stats.Connections == 0 && stats.Jobs == 0 && stats.Memory == 0
		})
	}
	attack(8) // the workers of the pool and the directories of staging are there from then on
	descriptors, goroutines := count(t)
	attack(24)
	eventually(t, fmt.Sprintf("%d descriptors and %d goroutines", descriptors, goroutines), func() bool {
		d, g := count(t)
		return d <= descriptors && g <= goroutines+lanesGrow
	})
	put(t, dial(t, s.Address().String()), "still", "served")
}

// lanesGrow is how many workers of the pool may come later: at most as many as the
// lanes have.
const lanesGrow = 16 + 16 + 8 + 512 + 2

// count returns how many descriptors and goroutines this process has.
func count(t *testing.T) (descriptors, goroutines int) {
	t.Helper()
	list, err := os.ReadDir("/dev/fd")
	if err != nil {
		t.Skipf("descriptors cannot be counted here: %v", err)
	}
	return len(list), runtime.NumGoroutine()
}
