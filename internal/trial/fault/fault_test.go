package fault

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"ftpd/protocol"
)

// stream is frames as a client sends them, a block among them.
func stream() (b []byte, frames int) {
	for i := range uint32(40) {
		b = protocol.Append(b, i+1, protocol.Stat{Path: fmt.Sprintf("file %d", i)})
		if i%10 == 9 {
			block := bytes.Repeat([]byte{byte(i)}, 5000)
			b = protocol.Append(b, i+1, protocol.Data{Digest: protocol.BlockDigest(block), Bytes: block})
			frames++
		}
		frames++
	}
	return b, frames
}

// through returns what comes of b, which is handed over in pieces of a size.
func through(t *testing.T, f *Faults, b []byte, size int) ([]byte, error) {
	t.Helper()
	var out bytes.Buffer
	filter := f.Filter(0, true)
	if filter == nil {
		return b, nil
	}
	for len(b) > 0 {
		n := min(size, len(b))
		if err := filter.Filter(&out, b[:n]); err != nil {
			return out.Bytes(), err
		}
		b = b[n:]
	}
	if err := filter.End(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), nil
}

// Whatever the pieces that it comes in, the same seed does the same to a stream; another
// seed does not.
func TestSeedRepeats(t *testing.T) {
	b, _ := stream()
	for kind := range Kind(Kinds) {
		plan := Plan{Seed: 7, Every: 300, Kinds: []Kind{kind}, Delay: time.Microsecond}
		want, _ := through(t, New(plan), bytes.Clone(b), len(b))
		for _, size := range []int{1, 19, 100, 4096} {
			if got, _ := through(t, New(plan), bytes.Clone(b), size); !bytes.Equal(got, want) {
				t.Errorf("%s in pieces of %d: another stream", kind, size)
			}
		}
		if plan.Seed = 8; kind == Delay {
			continue
		}
		if got, _ := through(t, New(plan), bytes.Clone(b), len(b)); bytes.Equal(got, want) {
			t.Errorf("%s: another seed does the same", kind)
		}
	}
}

// Each kind does to a stream what it is named for.
func TestKinds(t *testing.T) {
	b, _ := stream()
	for kind := range Kind(Kinds) {
		f := New(Plan{Seed: 3, Every: 1, Most: 1, Skip: 5, Kinds: []Kind{kind}, Delay: time.Microsecond})
		got, err := through(t, f, bytes.Clone(b), 512)
		if f.Count(kind) != 1 || f.Total() != 1 {
			t.Fatalf("%s: %d faults", kind, f.Total())
		}
		whole := err == nil
		var ok bool
		switch kind {
		case Flip:
			ok = whole && len(got) == len(b) && !bytes.Equal(got, b)
		case Drop:
			ok = whole && len(got) < len(b)
		case Duplicate:
			ok = whole && len(got) > len(b)
		case Truncate:
			ok = errors.Is(err, errTruncated) && bytes.HasPrefix(b, got)
		case Reorder:
			ok = whole && len(got) == len(b) && !bytes.Equal(got, b)
		case Delay:
			ok = whole && bytes.Equal(got, b)
		}
		if !ok {
			t.Errorf("%s: %d bytes of %d came, %v", kind, len(got), len(b), err)
		}
		frame, err := firstFrame(b)
		if err != nil || !bytes.HasPrefix(got, frame) {
			t.Errorf("%s: the first frame was to be spared", kind)
		}
	}
}

func firstFrame(b []byte) ([]byte, error) {
	if len(b) < protocol.HeaderLen {
		return nil, errors.New("short")
	}
	return b[:protocol.FrameLen(b)], nil
}

// With Blocks nothing but the bytes of blocks is damaged.
func TestBlocksAlone(t *testing.T) {
	b, frames := stream()
	f := New(Plan{Seed: 1, Every: 1, Kinds: []Kind{Flip}, Blocks: true})
	got, err := through(t, f, bytes.Clone(b), 1000)
	if err != nil || f.Total() != 4 {
		t.Fatalf("%d faults, %v", f.Total(), err)
	}
	d := protocol.NewDecoder(protocol.Client)
	d.Attach(make([]byte, protocol.BlockBuffer))
	d.Advance(copy(d.Space(), got))
	for range frames {
		frame, ok, err := d.Next()
		if !ok || err != nil {
			t.Fatalf("%v, %v", ok, err)
		}
		if frame.Opcode != protocol.OpData {
			continue
		}
		if m, err := protocol.Decode[protocol.Data](frame); err != nil || m.Verify() {
			t.Errorf("a block was spared, %v", err)
		}
	}
}

// A plan of one way leaves the other alone, and a plan of nothing both.
func TestWays(t *testing.T) {
	if f := New(Plan{Every: 1, Up: true}); f.Filter(0, true) == nil || f.Filter(0, false) != nil {
		t.Error("up")
	}
	if f := New(Plan{Every: 1}); f.Filter(0, true) == nil || f.Filter(0, false) == nil {
		t.Error("both")
	}
	if f := New(Plan{}); f.Filter(0, true) != nil || f.Filter(0, false) != nil {
		t.Error("nothing")
	}
}

// What is no frame passes as it is.
func TestForeign(t *testing.T) {
	text := []byte("GET / HTTP/1.1\r\n\r\n")
	if got, err := through(t, New(Plan{Seed: 1, Every: 1 << 40}), bytes.Clone(text), 5); err != nil || !bytes.Equal(got, text) {
		t.Errorf("%q, %v", got, err)
	}
}
