//go:build linux

package uring

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Multishot says whether this kernel goes on accepting and receiving by itself.
// Both are there since Linux 6.0, which no feature bit tells; IORING_OP_SEND_ZC,
// which the probe tells of, came with the same release.
func (r *Ring) Multishot() bool {
	const ops = 256
	var probe struct {
		lastOp, opsLen uint8
		_              uint16
		_              [3]uint32
		ops            [ops]struct {
			op, _ uint8
			flags uint16
			_     uint32
		}
	}
	err := r.register(registerProbe, unsafe.Pointer(&probe), ops)
	return err == nil && probe.ops[opSendZeroCopy].flags&probeSupported != 0
}

func (r *Ring) register(what uintptr, argument unsafe.Pointer, count uintptr) error {
	_, _, errno := unix.Syscall6(unix.SYS_IO_URING_REGISTER, uintptr(r.fd), what, uintptr(argument), count, 0, 0)
	if errno != 0 {
		return os.NewSyscallError("io_uring_register", errno)
	}
	return nil
}

// Buffers is a ring of buffers lent to the kernel: it takes one when data has
// come, and not before, so that a connection that waits holds none. The data is
// the process's until Return gives the buffer back.
type Buffers struct {
	group uint16
	size  int
	count int
	ring  []byte // of bufferEntry
	data  []byte
	tail  uint16
}

// bufferEntry is struct io_uring_buf. The tail of the ring is in the place of
// the first entry's last two bytes.
type bufferEntry struct {
	addr uint64
	len  uint32
	id   uint16
	_    uint16
}

// firstID is where the first entry has its id, with the ring's tail behind it.
const firstID = unsafe.Offsetof(bufferEntry{}.id)

// bufferRegistration is struct io_uring_buf_reg.
type bufferRegistration struct {
	addr    uint64
	entries uint32
	group   uint16
	_       uint16
	_       [3]uint64
}

// NewBuffers lends the kernel count buffers, a power of two up to 32,768, of
// size bytes each, as the given group.
func (r *Ring) NewBuffers(group uint16, count, size int) (*Buffers, error) {
	b := &Buffers{group: group, size: size, count: count}
	var err error
	if b.ring, err = pages(count * int(unsafe.Sizeof(bufferEntry{}))); err != nil {
		return nil, err
	}
	if b.data, err = pages(count * size); err != nil {
		return nil, errors.Join(err, unix.Munmap(b.ring))
	}
	request := bufferRegistration{addr: address(b.ring), entries: uint32(count), group: group}
	if err := r.register(registerBuffers, unsafe.Pointer(&request), 1); err != nil {
		return nil, errors.Join(err, unix.Munmap(b.ring), unix.Munmap(b.data))
	}
	for id := range count {
		b.Return(uint16(id))
	}
	return b, nil
}

// pages returns memory outside of Go's heap, aligned as the kernel wants it.
func pages(size int) ([]byte, error) {
	memory, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return nil, fmt.Errorf("buffers: %w", err)
	}
	return memory, nil
}

func address(memory []byte) uint64 {
	return uint64(uintptr(unsafe.Pointer(&memory[0])))
}

// Group returns the number that an SQE names the ring of buffers by.
func (b *Buffers) Group() uint16 { return b.group }

// Data returns what the kernel has written into a buffer.
func (b *Buffers) Data(id uint16, length int) []byte {
	return b.data[int(id)*b.size:][:length:length]
}

// Return lends a buffer to the kernel again.
func (b *Buffers) Return(id uint16) {
	entries := unsafe.Slice((*bufferEntry)(unsafe.Pointer(&b.ring[0])), b.count)
	e := &entries[int(b.tail)&(b.count-1)]
	e.addr = address(b.Data(id, b.size))
	e.len = uint32(b.size)
	e.id = id
	b.tail++
	b.publish(entries[0].id)
}

// publish stores the tail so that the kernel sees the entry first. There is no
// 16-bit store with that promise: the id of the first entry, its neighbour in
// the word, is written again with it.
func (b *Buffers) publish(neighbour uint16) {
	var word [4]byte
	binary.NativeEndian.PutUint16(word[:], neighbour)
	binary.NativeEndian.PutUint16(word[2:], b.tail)
	atomic.StoreUint32((*uint32)(unsafe.Pointer(&b.ring[firstID])), binary.NativeEndian.Uint32(word[:]))
}

// Address tells the kernel where data is that it shall send, or where to put
// what it receives. The caller keeps the memory until the result is there.
func Address(data []byte) uint64 { return address(data) }
