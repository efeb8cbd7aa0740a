package protocol

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const goldenDir = "../testdata/frames"

// goldenField is one line of a golden frame and the lines that continue it.
type goldenField struct {
	name  string
	note  string
	bytes []byte
}

// golden is a frame laid out a field a line, with what is expected of it.
type golden struct {
	name   string
	from   Side
	err    string // "code: sentence" of the error it is refused with
	fields []goldenField
}

func (g *golden) bytes() []byte {
	var b []byte
	for _, f := range g.fields {
		b = append(b, f.bytes...)
	}
	return b
}

// sides returns the sides that send the frame, one by one.
func (g *golden) sides() []Side {
	if g.from == Client|Server {
		return []Side{Client, Server}
	}
	return []Side{g.from}
}

// goldens reads the golden frames whose names begin with prefix, in order.
func goldens(tb testing.TB, prefix string) []*golden {
	tb.Helper()
	files, err := filepath.Glob(filepath.Join(goldenDir, prefix+"*.hex"))
	if err != nil || len(files) == 0 {
		tb.Fatalf("no golden frames %s*: %v", prefix, err)
	}
	all := make([]*golden, 0, len(files))
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			tb.Fatal(err)
		}
		g := &golden{name: strings.TrimSuffix(filepath.Base(file), ".hex")}
		for line := range strings.Lines(string(text)) {
			g.parse(tb, strings.TrimSpace(line))
		}
		if g.from == 0 || len(g.fields) < 7 {
			tb.Fatalf("%s: no sender or no header", file)
		}
		all = append(all, g)
	}
	return all
}

// parse adds one line: a directive, or bytes and what they are.
func (g *golden) parse(tb testing.TB, line string) {
	tb.Helper()
	digits, note, ok := strings.Cut(line, "#")
	note = strings.TrimSpace(note)
	name, value, named := strings.Cut(note, ": ")
	b, err := hex.DecodeString(strings.TrimSpace(digits))
	switch {
	case !ok || err != nil:
		tb.Fatalf("%s: line %q: %v", g.name, line, err)
	case len(b) > 0 && named:
		g.fields = append(g.fields, goldenField{name, value, b})
	case len(b) > 0 && note == "..." && len(g.fields) > 0:
		last := &g.fields[len(g.fields)-1]
		last.bytes = append(last.bytes, b...)
	case len(b) > 0:
		tb.Fatalf("%s: line %q names no field", g.name, line)
	case name == "from":
		g.from = map[string]Side{"client": Client, "server": Server, "both": Client | Server}[value]
	case name == "error":
		g.err = value
	}
}

// recoders decode a frame of each opcode that has a message, and encode the
// message again.
var recoders = map[Opcode]func(Frame) ([]byte, error){
	OpHello: recode[Hello], OpAuth: recode[Authenticate], OpList: recode[List], OpStat: recode[Stat], OpGet: recode[Get], OpPut: recode[Put],
	OpMkdir: recode[Mkdir], OpRemove: recode[Remove], OpRename: recode[Rename], OpSum: recode[Sum],
	OpCancel: recode[Cancel], OpPing: recode[Ping], OpBye: recode[Bye], OpData: recode[Data], OpEnd: recode[End],
	OpWelcome: recode[Welcome], OpReady: recode[Ready], OpEntries: recode[Entries], OpMeta: recode[Meta],
	OpOK: recode[OK], OpError: recode[Error], OpPong: recode[Pong], OpGoaway: recode[Goaway],
}

func recode[M any, P Decodable[M]](f Frame) ([]byte, error) {
	m, err := Decode[M, P](f)
	if err != nil {
		return nil, err
	}
	return Append(nil, f.Request, P(&m)), nil
}

// reserved reports whether version 1 gives the opcode no message.
func reserved(op Opcode) bool { return op == OpSync }

// received is a frame that has left the decoder's buffer.
type received struct {
	header  Header
	payload string
}

// bytes returns the frame as it was on the wire.
func (r received) bytes() []byte { return Seal(append(r.header.appendTo(nil), r.payload...)) }

// decodeAll feeds stream to d in reads of at most chunk() bytes, as a
// connection does, and returns the frames and the error.
func decodeAll(tb testing.TB, d *Decoder, stream []byte, chunk func() int) ([]received, error) {
	tb.Helper()
	var frames []received
	for {
		f, ok, err := d.Next()
		if err != nil {
			return frames, err
		}
		if ok {
			frames = append(frames, received{f.Header, string(f.Payload)})
			continue
		}
		if len(stream) == 0 {
			return frames, nil
		}
		if d.Need() > d.Cap() {
			d.Attach(make([]byte, d.Need()))
		}
		space := d.Space()
		if len(space) == 0 {
			tb.Fatalf("no space with %d bytes unread of %d", d.Buffered(), d.Cap())
		}
		n := copy(space[:min(len(space), max(1, chunk()))], stream)
		stream = stream[n:]
		d.Advance(n)
	}
}

// chunks returns reads of the given sizes and then of any size.
func chunks(sizes ...int) func() int {
	return func() int {
		if len(sizes) == 0 {
			return 1 << 30
		}
		n := sizes[0]
		sizes = sizes[1:]
		return n
	}
}

func bytewise() int { return 1 }

// receive decodes one frame down to its message.
func receive(tb testing.TB, from Side, frame []byte, chunk func() int) error {
	tb.Helper()
	d := NewDecoder(from)
	frames, err := decodeAll(tb, &d, frame, chunk)
	if err != nil {
		return err
	}
	if len(frames) != 1 || d.Buffered() != 0 {
		tb.Fatalf("%x: %d frames and %d bytes left over", frame, len(frames), d.Buffered())
	}
	if !bytes.Equal(frames[0].bytes(), frame) {
		tb.Fatalf("%x came out as %x", frame, frames[0].bytes())
	}
	if reserved(frames[0].header.Opcode) {
		return nil
	}
	again, err := recoders[frames[0].header.Opcode](Frame{frames[0].header, []byte(frames[0].payload)})
	if err == nil && !bytes.Equal(again, frame) {
		tb.Fatalf("%x was encoded again as %x", frame, again)
	}
	return err
}

// everySplit calls test with the frame whole, byte by byte, and cut in two at
// each byte.
func everySplit(frame []byte, test func(chunk func() int)) {
	test(chunks())
	test(bytewise)
	for i := 1; i < len(frame); i++ {
		test(chunks(i))
	}
}

func TestGoldenLegal(t *testing.T) {
	seen := map[Opcode]bool{}
	for _, g := range append(goldens(t, "legal-"), goldens(t, "session-")...) {
		seen[Opcode(g.fields[1].bytes[0])] = true
		if g.err != "" {
			t.Errorf("%s: a legal frame expects the error %q", g.name, g.err)
		}
		for _, from := range g.sides() {
			everySplit(g.bytes(), func(chunk func() int) {
				if err := receive(t, from, g.bytes(), chunk); err != nil {
					t.Errorf("%s: %v", g.name, err)
				}
			})
		}
	}
	for op := range opcodes {
		if known(Opcode(op)) && !seen[Opcode(op)] {
			t.Errorf("no legal golden frame for %s", Opcode(op))
		}
	}
}

func TestGoldenHostile(t *testing.T) {
	for _, g := range goldens(t, "hostile-") {
		for _, from := range g.sides() {
			everySplit(g.bytes(), func(chunk func() int) {
				err := receive(t, from, g.bytes(), chunk)
				if broken, ok := errors.AsType[*ProtocolError](err); !ok {
					t.Errorf("%s: got %v, want a ProtocolError", g.name, err)
				} else if got := broken.Code.String() + ": " + broken.Message; got != g.err {
					t.Errorf("%s: got  %s\nwant %s", g.name, got, g.err)
				}
			})
		}
	}
}

// legalStream returns all legal frames that a side sends, one behind the
// other, with blocks between them.
func legalStream(tb testing.TB, from Side, block int) (stream []byte, frames [][]byte) {
	tb.Helper()
	big := Append(nil, 3, Data{Digest: Digest{1}, Bytes: bytes.Repeat([]byte{0xa5}, block)})
	for _, g := range append(goldens(tb, "legal-"), goldens(tb, "session-")...) {
		if g.from&from != 0 {
			frames = append(frames, g.bytes(), big)
		}
	}
	return bytes.Join(frames, nil), frames
}

func checkFrames(tb testing.TB, got []received, want [][]byte) {
	tb.Helper()
	if len(got) != len(want) {
		tb.Fatalf("got %d frames, want %d", len(got), len(want))
	}
	for i := range got {
		if !bytes.Equal(got[i].bytes(), want[i]) {
			tb.Fatalf("frame %d is %s, %d bytes, and not as it was sent", i, got[i].header.Opcode, len(got[i].payload))
		}
	}
}

func TestStreamSplits(t *testing.T) {
	for _, from := range []Side{Client, Server} {
		stream, frames := legalStream(t, from, 20)
		everySplit(stream, func(chunk func() int) {
			d := NewDecoder(from)
			got, err := decodeAll(t, &d, stream, chunk)
			if err != nil {
				t.Fatal(err)
			}
			checkFrames(t, got, frames)
		})
	}
}

func TestStreamWithBlocks(t *testing.T) {
	for _, from := range []Side{Client, Server} {
		for _, size := range []int{1, 19, 20, 21, 1000, ControlBuffer, blockRead - 1, blockRead, BlockBuffer, 1 << 30} {
			stream, frames := legalStream(t, from, BlockSize)
			if size < 1000 { // a few blocks say as much
				frames = frames[:6]
				stream = bytes.Join(frames, nil)
			}
			d := NewDecoder(from)
			got, err := decodeAll(t, &d, stream, func() int { return size })
			if err != nil {
				t.Fatal(err)
			}
			checkFrames(t, got, frames)
		}
	}
}

func known(op Opcode) bool {
	_, ok := op.row()
	return ok
}

// Whatever bit of a frame is flipped, it is noticed: by the frame's checks, by the
// digest of a block, or because what is left is of another version.
func TestEveryFlippedBitIsNoticed(t *testing.T) {
	for _, g := range goldens(t, "legal-") {
		frame := g.bytes()
		for bit := range 8 * len(frame) {
			damaged := append([]byte(nil), frame...)
			damaged[bit/8] ^= 1 << (bit % 8)
			d := NewDecoder(g.sides()[0])
			d.Attach(make([]byte, BlockBuffer))
			d.Advance(copy(d.Space(), damaged))
			f, ok, err := d.Next()
			if ok && f.Opcode == OpData {
				m, err := Decode[Data](f)
				ok = err != nil || m.Verify()
			}
			broken, found := errors.AsType[*ProtocolError](err)
			if ok || err != nil && (!found || broken.Code != Integrity && bit >= 8) {
				t.Errorf("%s with bit %d flipped: %v", g.name, bit, err)
			}
		}
	}
}
