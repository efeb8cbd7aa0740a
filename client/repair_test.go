package client

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"ftpd/internal/trial"
	"ftpd/internal/trial/fault"
	"ftpd/protocol"
)

// damaging flips a bit in the bytes of so many blocks of one way of later
// connections; the first skip frames are spared.
func damaging(r *trial.Relay, up bool, blocks int64, skip int) *fault.Faults {
	f := fault.New(fault.Plan{
		Seed: 1, Every: 1, Kinds: []fault.Kind{fault.Flip}, Most: blocks, Skip: skip, Up: up, Down: !up, Blocks: true,
	})
	r.SetFilter(f.Filter)
	return f
}

// A block that arrives damaged is fetched again alone, in files of every size.
func TestGetFetchesADamagedBlockAgain(t *testing.T) {
	for name, c := range map[string]struct {
		size    int
		damaged int64
		skip    int
	}{
		"small file":           {1000, 1, 0},
		"one block":            {bs, 1, 0},
		"first block":          {40 * bs, 1, 0},
		"in the middle":        {40 * bs, 1, 20},
		"last, which is short": {3*bs + 5, 1, 4},
		"three times the same": {40 * bs, 3, 20},
		"every second one":     {6 * bs, 3, 4},
	} {
		t.Run(name, func(t *testing.T) {
			d := serve(t)
			content := noise(c.size)
			writeFile(t, filepath.Join(d.root, "f"), content)
			r := relayTo(t, d.address)
			f := damaging(r, false, c.damaged, c.skip)
			local := filepath.Join(t.TempDir(), "f")
			var progress counter
			result, err := connect(t, r.Address(), nil).GetFile(limit(t), "f", local, &TransferOptions{Progress: &progress})
			if err != nil || f.Total() != c.damaged || result.Repaired < 1 || result.Repaired > c.damaged {
				t.Fatalf("%v, %d damaged, %+v", err, f.Total(), result)
			}
			wantContent(t, local, content)
			noParts(t, filepath.Dir(local))
			if progress.moved != int64(c.size) || progress.bytes != int64(c.size) {
				t.Errorf("progress of %d bytes of %d", progress.moved, progress.bytes)
			}
			if most := int64(c.size) + c.damaged*(bs+1000) + 2000; r.Passed() > most {
				t.Errorf("%d bytes passed, not %d", r.Passed(), most)
			}
		})
	}
}

// A way that damages all is given up, with the same error for every size.
func TestGetGivesUpOnDamage(t *testing.T) {
	for _, size := range []int{1000, 40 * bs} {
		d := serve(t)
		writeFile(t, filepath.Join(d.root, "f"), noise(size))
		r := relayTo(t, d.address)
		f := damaging(r, false, 0, 0)
		c := connect(t, r.Address(), nil)
		local := filepath.Join(t.TempDir(), "f")
		if _, err := c.GetFile(limit(t), "f", local, nil); !errors.Is(err, ErrIntegrity) {
			t.Errorf("%d bytes: %v", size, err)
		}
		if f.Total() < mostDamaged {
			t.Errorf("%d bytes: given up after %d", size, f.Total())
		}
		if _, err := c.Stat(limit(t), "f"); err != nil {
			t.Errorf("the connection has ended: %v", err)
		}
	}
}

// Where the request that is damaged has the only place in flight, the block is asked
// for in that place.
func TestGetRepairsInTheOnlyPlace(t *testing.T) {
	d := serve(t)
	content := noise(10*bs + 1)
	writeFile(t, filepath.Join(d.root, "f"), content)
	r := relayTo(t, d.address)
	damaging(r, false, 2, 3)
	var got bytes.Buffer
	result, err := connect(t, r.Address(), &Options{InFlight: 1}).Get(limit(t), "f", &got, nil)
	if err != nil || !bytes.Equal(got.Bytes(), content) {
		t.Errorf("%d bytes, %+v, %v", got.Len(), result, err)
	}
}

// A block that the server finds damaged is sent again alone: by one call, over one
// connection.
func TestPutSendsADamagedBlockAgain(t *testing.T) {
	for name, c := range map[string]struct {
		size    int
		damaged int64
		skip    int
	}{
		"empty but a byte":     {1, 1, 0},
		"one block":            {bs, 1, 0},
		"first block":          {40 * bs, 1, 0},
		"in the middle":        {80 * bs, 1, 60},
		"last, which is short": {3*bs + 5, 1, 5},
		"three times":          {80 * bs, 3, 60},
	} {
		t.Run(name, func(t *testing.T) {
			content := noise(c.size)
			d, r, local := localFileOf(t, content)
			f := damaging(r, true, c.damaged, c.skip)
			var progress counter
			result, err := putThrough(t, r, local, "dir/f", &TransferOptions{Progress: &progress})
			if err != nil || f.Total() != c.damaged || result.Repaired < 1 || result.Repaired > c.damaged || result.Resumed != 0 {
				t.Fatalf("%v, %d damaged, %+v", err, f.Total(), result)
			}
			wantContent(t, filepath.Join(d.root, "dir/f"), content)
			if most := int64(c.size) + c.damaged*(bs+100) + 10_000; r.Passed() > most {
				t.Errorf("%d bytes passed, not %d", r.Passed(), most)
			}
			if progress.moved != progress.bytes {
				t.Errorf("progress of %d bytes of %d", progress.moved, progress.bytes)
			}
			left, err := filepath.Glob(filepath.Join(d.root, ".ftpd-staging", "*", "*"))
			if err != nil || len(left) != 0 {
				t.Errorf("%q are left, %v", left, err)
			}
		})
	}
}

// What can be read only once fails; what is in memory does not.
func TestPutOfAReaderThatArrivesDamaged(t *testing.T) {
	content := noise(3*bs + 5)
	for _, again := range []bool{false, true} {
		d, r, _ := localFileOf(t, nil)
		damaging(r, true, 1, 2)
		var reader io.Reader = bytes.NewReader(content)
		if !again {
			reader = io.MultiReader(reader) // nothing but Read
		}
		_, err := connect(t, r.Address(), nil).Put(limit(t), "f", reader, &PutOptions{Size: int64(len(content))})
		switch {
		case again && err != nil:
			t.Errorf("from memory: %v", err)
		case again:
			wantContent(t, filepath.Join(d.root, "f"), content)
		case !errors.Is(err, ErrIntegrity):
			t.Errorf("from a pipe: %v", err)
		}
	}
}

func TestPutGivesUpOnDamage(t *testing.T) {
	for _, size := range []int{1000, 40 * bs} {
		d, r, local := localFileOf(t, noise(size))
		f := damaging(r, true, 0, 0)
		if _, err := putThrough(t, r, local, "f", nil); !errors.Is(err, ErrIntegrity) || f.Total() < mostDamaged {
			t.Errorf("%d bytes: %v after %d", size, err, f.Total())
		}
		if _, err := os.Lstat(filepath.Join(d.root, "f")); err == nil {
			t.Errorf("%d bytes: it was stored", size)
		}
	}
}

// A server that asks for what was not sent is found out in the middle of a file too.
func TestPutAskedForWhatItDidNotSend(t *testing.T) {
	c := withPeer(t, peerOptions{}, func(p *peer) {
		put := p.expect(protocol.OpPut)
		p.send(put.Request, protocol.Ready{})
		p.expect(protocol.OpData)
		p.send(put.Request, protocol.Ready{Flags: protocol.ReadyAgain, Offset: 9 * bs})
		p.pong(p.expect(protocol.OpPing))
		p.expect(protocol.OpCancel)
		p.drain()
	})
	reads := 0
	_, err := c.Put(limit(t), "f", readerFunc(func(b []byte) (int, error) {
		if reads++; reads == 3 { // the second block: by its PONG, READY AGAIN is there too
			if _, err := c.Ping(limit(t)); err != nil {
				return 0, err
			}
		}
		return len(b), nil
	}), nil)
	if !errors.Is(err, ErrProtocol) {
		t.Error(err)
	}
}

// A server that asks for one block again and again is no server.
func TestPutAskedAgainAndAgain(t *testing.T) {
	var asked atomic.Int64
	c := withPeer(t, peerOptions{}, func(p *peer) {
		put := p.expect(protocol.OpPut)
		p.expect(protocol.OpData) // one block does not wait for READY
		p.expect(protocol.OpEnd)
		for range 100 {
			p.send(put.Request, protocol.Ready{Flags: protocol.ReadyAgain})
			if f, ok := p.next(); !ok || f.Opcode != protocol.OpData {
				break
			}
			asked.Add(1)
		}
		p.drain()
	})
	_, err := c.Put(limit(t), "f", bytes.NewReader(bytesOf(bs)), nil)
	if n := asked.Load(); !errors.Is(err, ErrProtocol) || n == 0 || n > 2*mostDamaged {
		t.Errorf("%v, after %d times", err, n)
	}
}
