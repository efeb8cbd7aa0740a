package protocol

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPutDataHeader(t *testing.T) {
	for _, n := range []int{1, 4096, BlockSize} {
		block := bytes.Repeat([]byte{7}, n)
		want := Append(nil, 9, Data{Offset: 3 * BlockSize, Digest: BlockDigest(block), Bytes: block})
		got := append(make([]byte, DataOverhead), block...)
		PutDataHeader(got, 9, 3*BlockSize, BlockDigest(block), n)
		if !bytes.Equal(got, want) {
			t.Errorf("a block of %d bytes has another header than by Append", n)
		}
	}
}

func TestPutDataHeaderWithoutRoom(t *testing.T) {
	for n := range DataOverhead {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%d bytes were enough", n)
				}
			}()
			PutDataHeader(make([]byte, n), 1, 0, Digest{}, 1)
		}()
	}
}

func TestBlockEnd(t *testing.T) {
	for _, c := range []struct{ offset, end, want uint64 }{
		{0, 0, 0},
		{0, 1, 1},
		{0, BlockSize, BlockSize},
		{0, BlockSize + 1, BlockSize},
		{1, BlockSize + 1, BlockSize},
		{BlockSize - 1, MaxFileSize, BlockSize},
		{BlockSize, MaxFileSize, 2 * BlockSize},
		{MaxFileSize - 1, MaxFileSize, MaxFileSize},
		{MaxFileSize, MaxFileSize, MaxFileSize},
	} {
		if got := BlockEnd(c.offset, c.end); got != c.want {
			t.Errorf("BlockEnd(%d, %d) is %d, want %d", c.offset, c.end, got, c.want)
		}
	}
}

func TestEntriesEncoder(t *testing.T) {
	list := []Entry{
		{Path: "a", Meta: Meta{Kind: File, Size: 1}},
		{Path: "b", Code: Permission, Meta: Meta{Kind: Directory}},
	}
	var e EntriesEncoder
	e.Begin(append(make([]byte, 0, 1000), "before"...), 5)
	for i := range list {
		if !e.Add(&list[i]) {
			t.Fatal("an entry did not fit")
		}
	}
	if diff := cmp.Diff(Append([]byte("before"), 5, Entries{List: list}), e.Finish()); diff != "" {
		t.Errorf("(-Append +EntriesEncoder):\n%s", diff)
	}
}

// addAll adds entries of n bytes until one does not fit.
func addAll(e *EntriesEncoder, n int) (count int) {
	entry := Entry{Meta: Meta{Kind: File}}
	entry.Path = text(n - entry.wireLen())
	for e.Add(&entry) {
		count++
	}
	return count
}

func TestEntriesEncoderStopsAtThePayload(t *testing.T) {
	for _, n := range []int{64, 100, 4096} { // 64 and 4096 fill a payload to the last byte
		var e EntriesEncoder
		e.Begin(make([]byte, 0, 10*MaxControlPayload), 5)
		count := addAll(&e, n)
		frame := e.Finish()
		if want := MaxControlPayload / n; count != want || len(frame) != HeaderLen+want*n {
			t.Errorf("%d entries of %d bytes in a frame of %d", count, n, len(frame))
		}
		if err := receive(t, Server, frame, chunks()); err != nil {
			t.Error(err)
		}
	}
}

func TestEntriesEncoderStopsAtTheCapacity(t *testing.T) {
	buffer := make([]byte, 0, HeaderLen+250)
	var e EntriesEncoder
	e.Begin(buffer, 5)
	count := addAll(&e, 125)
	frame := e.Finish()
	if count != 2 || &frame[0] != &buffer[:1][0] {
		t.Errorf("%d entries, or the frame left its buffer", count)
	}
	if err := receive(t, Server, frame, chunks()); err != nil {
		t.Error(err)
	}
}

func TestEntriesEncoderRefusesOneByteTooMany(t *testing.T) {
	var e EntriesEncoder
	e.Begin(make([]byte, 0, 2*MaxControlPayload), 5)
	small := Entry{Meta: Meta{Kind: File}}
	small.Path = text(64 - small.wireLen())
	large := small
	large.Path += "x"
	for range MaxControlPayload/64 - 1 {
		e.Add(&small)
	}
	if e.Add(&large) || !e.Add(&small) {
		t.Error("the last 64 bytes took 65, or not 64")
	}
}
