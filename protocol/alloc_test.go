package protocol

import "testing"

// TestAllocations pins that the steady state of a transfer allocates nothing.
func TestAllocations(t *testing.T) {
	buffer := make([]byte, 0, BlockBuffer)
	block := pattern(4096)
	digest := BlockDigest(block)
	frame := Append(nil, 1, Data{Digest: digest, Bytes: block})
	d := NewDecoder(Server)
	d.Attach(make([]byte, BlockBuffer))
	for name, work := range map[string]func(){
		"Append Stat":  func() { buffer = Append(buffer[:0], 1, Stat{Path: "album/photo.jpg"}) },
		"Append Get":   func() { buffer = Append(buffer[:0], 1, Get{Length: SizeUnknown, Path: "album/photo.jpg"}) },
		"Append Put":   func() { buffer = Append(buffer[:0], 1, Put{Flags: PutEager, Size: 13, Path: "album/photo.jpg"}) },
		"Append Meta":  func() { buffer = Append(buffer[:0], 1, Meta{Kind: File, Size: 13}) },
		"Append End":   func() { buffer = Append(buffer[:0], 1, End{Size: 13, Algorithm: XXH3Tree, Digest: digest}) },
		"Append OK":    func() { buffer = Append(buffer[:0], 1, OK{Count: 13}) },
		"Append Error": func() { buffer = Append(buffer[:0], 1, Error{Code: NotFound, Message: "no such file"}) },
		"Append Ready": func() { buffer = Append(buffer[:0], 1, Ready{}) },
		"PutDataHeader": func() {
			PutDataHeader(buffer[:DataOverhead], 1, 0, digest, len(block))
		},
		"EntriesEncoder": func() {
			entry := Entry{Path: "album/photo.jpg", Meta: Meta{Kind: File}}
			var e EntriesEncoder
			e.Begin(buffer[:0], 1)
			if !e.Add(&entry) {
				t.Error("no room")
			}
			buffer = e.Finish()
		},
		"Decoder": func() {
			for range 100 { // enough to come to the end of the buffer
				fill(&d, frame, len(frame))
				if _, ok, err := d.Next(); !ok || err != nil {
					t.Error(ok, err)
				}
			}
		},
		"Decode Data and Verify": func() {
			f := Frame{Header{Opcode: OpData, Request: 1, Length: uint32(len(frame) - HeaderLen)}, frame[HeaderLen:]}
			if m, err := Decode[Data](f); err != nil || !m.Verify() {
				t.Error(err)
			}
		},
		"Tree of one block": func() {
			var tree Tree
			tree.Add(digest, len(block))
			if tree.Sum() == digest {
				t.Error("the digest of a file is that of its block")
			}
		},
	} {
		if n := testing.AllocsPerRun(100, work); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}

func benchmarkDecode(b *testing.B, size int) {
	b.Helper()
	block := pattern(size)
	frame := Append(nil, 1, Data{Digest: BlockDigest(block), Bytes: block})
	d := NewDecoder(Server)
	d.Attach(make([]byte, BlockBuffer))
	b.SetBytes(int64(len(frame)))
	b.ReportAllocs()
	for b.Loop() {
		for rest := frame; len(rest) > 0; {
			rest, _ = fill(&d, rest, len(rest))
		}
		f, ok, err := d.Next()
		if !ok || err != nil {
			b.Fatal(ok, err)
		}
		if m, err := Decode[Data](f); err != nil || !m.Verify() {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeData4KiB(b *testing.B)   { benchmarkDecode(b, 4<<10) }
func BenchmarkDecodeData256KiB(b *testing.B) { benchmarkDecode(b, BlockSize) }

func benchmarkEncode(b *testing.B, size int) {
	b.Helper()
	buffer := append(make([]byte, DataOverhead), pattern(size)...)
	b.SetBytes(int64(len(buffer)))
	b.ReportAllocs()
	for b.Loop() {
		PutDataHeader(buffer, 1, 0, BlockDigest(buffer[DataOverhead:]), size)
	}
}

func BenchmarkEncodeData4KiB(b *testing.B)   { benchmarkEncode(b, 4<<10) }
func BenchmarkEncodeData256KiB(b *testing.B) { benchmarkEncode(b, BlockSize) }

func BenchmarkBlockDigest(b *testing.B) {
	block := pattern(BlockSize)
	b.SetBytes(BlockSize)
	b.ReportAllocs()
	for b.Loop() {
		_ = BlockDigest(block)
	}
}

func BenchmarkEncodeMeta(b *testing.B) {
	buffer := make([]byte, 0, 100)
	b.SetBytes(int64(HeaderLen + metaLen + 2))
	b.ReportAllocs()
	for b.Loop() {
		buffer = Append(buffer[:0], 1, Meta{Kind: File, Mode: 0o644, Size: 13})
	}
}
