//go:build linux

package uring

import (
	"errors"
	"runtime"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// open returns a ring, or skips the test where there is none to be had.
func open(t *testing.T, size uint32) *Ring {
	t.Helper()
	runtime.LockOSThread() // for good: the ring belongs to this thread
	r, err := Open(size)
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) {
		t.Skipf("no io_uring here: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func pair(t *testing.T) (a, b int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fds[0]); unix.Close(fds[1]) })
	return fds[0], fds[1]
}

func queue(t *testing.T, r *Ring, sqe SQE) {
	t.Helper()
	next, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	if *next != (SQE{}) {
		t.Fatalf("the entry holds what was in its place: %+v", *next)
	}
	*next = sqe
}

// results submits and waits until there are count of them.
func results(t *testing.T, r *Ring, count int) []CQE {
	t.Helper()
	var all []CQE
	for len(all) < count {
		if err := r.Submit(1); err != nil {
			t.Fatal(err)
		}
		all = slices.AppendSeq(all, r.Results())
	}
	return all
}

func TestSendAndReceive(t *testing.T) {
	r := open(t, 8)
	a, b := pair(t)
	out, in := []byte("over the ring"), make([]byte, 64)
	queue(t, r, SQE{Opcode: OpSend, FD: int32(a), Addr: Address(out), Len: uint32(len(out)), UserData: 1})
	queue(t, r, SQE{Opcode: OpRecv, FD: int32(b), Addr: Address(in), Len: uint32(len(in)), UserData: 2})
	for _, got := range results(t, r, 2) {
		if got.Err() != nil || int(got.Result) != len(out) || got.More() {
			t.Errorf("result %+v, %v", got, got.Err())
		}
	}
	if got := string(in[:len(out)]); got != string(out) {
		t.Errorf("received %q", got)
	}
}

func TestErrorOfAnOperation(t *testing.T) {
	r := open(t, 8)
	queue(t, r, SQE{Opcode: OpClose, FD: 1 << 20, UserData: 7})
	got := results(t, r, 1)[0]
	if got.UserData != 7 || !errors.Is(got.Err(), unix.EBADF) {
		t.Errorf("result %+v, %v", got, got.Err())
	}
}

// More entries than places, several times round: none is lost or done twice.
func TestMoreThanTheQueueHolds(t *testing.T) {
	const size, count = 8, 30
	r := open(t, size)
	for i := range count {
		queue(t, r, SQE{Opcode: OpClose, FD: 1 << 20, UserData: uint64(i)})
	}
	var seen []uint64
	for _, got := range results(t, r, count) {
		seen = append(seen, got.UserData)
	}
	slices.Sort(seen)
	for i := range count {
		if seen[i] != uint64(i) {
			t.Fatalf("results of %d", seen)
		}
	}
}

// receiver is a ring with two small buffers and a standing request for input.
func receiver(t *testing.T) (r *Ring, b *Buffers, peer int) {
	t.Helper()
	r = open(t, 8)
	if !r.Multishot() {
		t.Skip("no multishot receive here: it came with Linux 6.0")
	}
	b, err := r.NewBuffers(3, 2, 16)
	if err != nil {
		t.Fatal(err)
	}
	mine, peer := pair(t)
	queue(t, r, SQE{Opcode: OpRecv, FD: int32(mine), Priority: RecvMultishot, Flags: BufferSelect, BufferGroup: b.Group(), UserData: 5})
	return r, b, peer
}

func TestBuffersGoRound(t *testing.T) {
	r, b, peer := receiver(t)
	// Three times round two buffers, with 16-bit words that begin at another entry.
	for _, text := range []string{"one", "two", "three", "four", "five", "sixteen letters!"} {
		if _, err := unix.Write(peer, []byte(text)); err != nil {
			t.Fatal(err)
		}
		got := results(t, r, 1)[0]
		id, ok := got.Buffer()
		if got.Err() != nil || !ok || !got.More() {
			t.Fatalf("%s: result %+v, %v", text, got, got.Err())
		}
		if data := string(b.Data(id, int(got.Result))); data != text {
			t.Errorf("received %q, want %q", data, text)
		}
		b.Return(id)
	}
}

func TestOutOfBuffers(t *testing.T) {
	r, b, peer := receiver(t)
	if _, err := unix.Write(peer, make([]byte, 3*16)); err != nil {
		t.Fatal(err)
	}
	got := results(t, r, 3)
	last := got[len(got)-1]
	if !errors.Is(last.Err(), unix.ENOBUFS) || last.More() {
		t.Fatalf("result %+v, %v, want ENOBUFS and the end", last, last.Err())
	}
	first, _ := got[0].Buffer()
	second, _ := got[1].Buffer()
	if first == second || int(first) > 1 || int(second) > 1 {
		t.Errorf("buffers %d and %d of 2", first, second)
	}
	if spare := b.Data(first, 4); cap(spare) != 4 {
		t.Errorf("the data of one buffer reaches into the next: %d bytes", cap(spare))
	}
}
