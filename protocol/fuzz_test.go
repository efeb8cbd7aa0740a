package protocol

import (
	"bytes"
	"testing"
)

func side(server bool) Side {
	if server {
		return Server
	}
	return Client
}

// legalFrame checks what every frame that comes out of a decoder promises, and
// that its message, if it is one, encodes back to the same bytes.
func legalFrame(t *testing.T, from Side, f received) {
	t.Helper()
	row, ok := f.header.Opcode.row()
	n := uint32(len(f.payload))
	if !ok || row.from&from == 0 || n != f.header.Length || n < row.minPayload || n > row.maxPayload {
		t.Fatalf("an illegal frame: %+v with %d bytes", f.header, n)
	}
	if reserved(f.header.Opcode) {
		return
	}
	again, err := recoders[f.header.Opcode](Frame{f.header, []byte(f.payload)})
	if err == nil && !bytes.Equal(again, f.bytes()) {
		t.Fatalf("%x was encoded again as %x", f.bytes(), again)
	}
}

// FuzzDecoder holds that any bytes give the same frames and the same error
// however they are split. Each byte of splits is the size of a read: up to 200
// as it is, above in steps of 8 KiB.
func FuzzDecoder(f *testing.F) {
	all := append(append(goldens(f, "legal-"), goldens(f, "session-")...), goldens(f, "hostile-")...)
	var stream []byte
	for _, g := range all {
		for _, from := range g.sides() {
			f.Add(g.bytes(), []byte{1, 2, 3}, from == Server)
		}
		if g.err == "" {
			stream = append(stream, g.bytes()...)
		}
	}
	f.Add(stream, []byte{7, 250}, false)
	f.Add(append(blockFrame(0, 70_000), blockFrame(1, 30)...), []byte{255, 13}, false)
	f.Fuzz(func(t *testing.T, stream, splits []byte, server bool) {
		from := side(server)
		d := NewDecoder(from)
		want, wantErr := decodeAll(t, &d, stream, chunks())
		for _, frame := range want {
			legalFrame(t, from, frame)
		}
		i := 0
		d = NewDecoder(from)
		got, gotErr := decodeAll(t, &d, stream, func() int {
			if len(splits) == 0 {
				return 1
			}
			n := int(splits[i%len(splits)])
			i++
			if n > 200 {
				n = (n - 200) * 8192
			}
			return n
		})
		if len(got) != len(want) || (gotErr == nil) != (wantErr == nil) || gotErr != nil && gotErr.Error() != wantErr.Error() {
			t.Fatalf("split: %d frames, %v; whole: %d frames, %v", len(got), gotErr, len(want), wantErr)
		}
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("frame %d differs: %+v and %+v", i, got[i].header, want[i].header)
			}
		}
	})
}

// FuzzMessages holds that any payload of any opcode is refused or encodes back
// to the same bytes.
func FuzzMessages(f *testing.F) {
	for _, prefix := range []string{"legal-", "session-", "hostile-"} {
		for _, g := range goldens(f, prefix) {
			if b := g.bytes(); len(b) >= HeaderLen {
				f.Add(b[1], b[3], b[HeaderLen:])
			}
		}
	}
	f.Fuzz(func(t *testing.T, op, flags uint8, payload []byte) {
		row, ok := Opcode(op).row()
		if !ok || reserved(Opcode(op)) {
			return
		}
		n := uint32(len(payload))
		h := Header{Opcode: Opcode(op), Flags: Flags(flags) & row.flags, Request: 1, Length: n}
		again, err := recoders[h.Opcode](Frame{h, payload})
		if err != nil {
			return
		}
		if want := Seal(append(h.appendTo(nil), payload...)); !bytes.Equal(again, want) {
			t.Fatalf("%x was encoded again as %x", want, again)
		}
		if n < row.minPayload && h.Opcode != OpData {
			t.Fatalf("%s decodes %d bytes, less than its least", h.Opcode, n)
		}
	})
}
