//go:build linux

// Package uring speaks to io_uring(7) in raw system calls: a queue of what the
// kernel shall do, a queue of what it has done, both in memory that the process
// and the kernel share, and a ring of buffers that the kernel picks from when
// data arrives. It has what an echo server needs and no more.
//
// A Ring belongs to one goroutine, locked to its thread.
package uring

import (
	"errors"
	"fmt"
	"iter"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// SQE is struct io_uring_sqe: one operation to be done.
type SQE struct {
	Opcode      uint8
	Flags       uint8
	Priority    uint16 // for accept, recv and send: their flags
	FD          int32
	Offset      uint64
	Addr        uint64
	Len         uint32
	OpFlags     uint32 // accept_flags or msg_flags
	UserData    uint64 // comes back in the CQE
	BufferGroup uint16
	Personality uint16
	SpliceFD    int32
	Addr3       uint64
	_           uint64
}

// CQE is struct io_uring_cqe: one result.
type CQE struct {
	UserData uint64
	Result   int32 // as the system call's: a count or a descriptor, or an errno below zero
	Flags    uint32
}

// Err returns the error of a result, or nil.
func (c CQE) Err() error {
	if c.Result < 0 {
		return unix.Errno(-c.Result)
	}
	return nil
}

// More says that the operation goes on and further results of it will come.
func (c CQE) More() bool { return c.Flags&cqeMore != 0 }

// Buffer returns which buffer of a Buffers holds the data.
func (c CQE) Buffer() (id uint16, ok bool) {
	return uint16(c.Flags >> cqeBufferShift), c.Flags&cqeBuffer != 0
}

// params is struct io_uring_params.
type params struct {
	sqEntries, cqEntries, flags, sqThreadCPU, sqThreadIdle, features, wqFD uint32
	_                                                                      [3]uint32
	sq                                                                     sqOffsets
	cq                                                                     cqOffsets
}

type sqOffsets struct {
	head, tail, mask, entries, flags, dropped, array, _ uint32
	_                                                   uint64
}

type cqOffsets struct {
	head, tail, mask, entries, overflow, cqes, flags, _ uint32
	_                                                   uint64
}

// A Ring is a pair of queues.
type Ring struct {
	fd             int
	rings, entries []byte // mapped
	sqHead, sqTail *uint32
	cqHead, cqTail *uint32
	sqes           []SQE
	cqes           []CQE
	tail           uint32 // of the SQEs handed out; sqTail lags until Submit
	submitted      uint32
}

// Open makes a ring for size operations at a time, a power of two, and four
// times as many results. It wraps ENOSYS (no io_uring, before Linux 5.1) or EPERM
// (sysctl kernel.io_uring_disabled, or a seccomp filter).
func Open(size uint32) (*Ring, error) {
	p := params{cqEntries: 4 * size, flags: setupCQSize}
	fd, err := setup(size, &p)
	if err != nil {
		return nil, err
	}
	r := &Ring{fd: fd}
	if err := r.mapQueues(&p); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// setup asks for completions to be worked on only when this thread waits for
// them, in batches (IORING_SETUP_DEFER_TASKRUN, Linux 6.1), and does without
// where the kernel does not know that.
func setup(size uint32, p *params) (int, error) {
	plain := *p
	p.flags |= setupSingleIssuer | setupDeferTaskrun
	fd, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, uintptr(size), uintptr(unsafe.Pointer(p)), 0)
	if errno == unix.EINVAL {
		*p = plain
		fd, _, errno = unix.Syscall(unix.SYS_IO_URING_SETUP, uintptr(size), uintptr(unsafe.Pointer(p)), 0)
	}
	if errno != 0 {
		return -1, os.NewSyscallError("io_uring_setup", errno)
	}
	return int(fd), nil
}

// mapQueues maps the memory shared with the kernel. Both queues are in one
// mapping since Linux 5.4 (IORING_FEAT_SINGLE_MMAP).
func (r *Ring) mapQueues(p *params) error {
	if p.features&featureSingleMmap == 0 {
		return fmt.Errorf("io_uring before Linux 5.4: %w", unix.ENOSYS)
	}
	const shared = unix.MAP_SHARED | unix.MAP_POPULATE
	size := max(int(p.sq.array+p.sqEntries*4), int(p.cq.cqes)+int(p.cqEntries)*int(unsafe.Sizeof(CQE{})))
	var err error
	if r.rings, err = unix.Mmap(r.fd, offsetRings, size, unix.PROT_READ|unix.PROT_WRITE, shared); err != nil {
		return fmt.Errorf("map the queues: %w", err)
	}
	size = int(p.sqEntries) * int(unsafe.Sizeof(SQE{}))
	if r.entries, err = unix.Mmap(r.fd, offsetSQEs, size, unix.PROT_READ|unix.PROT_WRITE, shared); err != nil {
		return fmt.Errorf("map the entries: %w", err)
	}
	r.sqHead, r.sqTail = r.word(p.sq.head), r.word(p.sq.tail)
	r.cqHead, r.cqTail = r.word(p.cq.head), r.word(p.cq.tail)
	r.sqes = unsafe.Slice((*SQE)(unsafe.Pointer(&r.entries[0])), p.sqEntries)
	r.cqes = unsafe.Slice((*CQE)(unsafe.Pointer(&r.rings[p.cq.cqes])), p.cqEntries)
	// The kernel reads entry numbers from an array; entry i is always at place i.
	places := unsafe.Slice(r.word(p.sq.array), p.sqEntries)
	for i := range places {
		places[i] = uint32(i)
	}
	return nil
}

func (r *Ring) word(offset uint32) *uint32 {
	return (*uint32)(unsafe.Pointer(&r.rings[offset]))
}

// Next returns a cleared entry to be filled; it is submitted by the next Submit.
// When all are taken, those before it are submitted first.
func (r *Ring) Next() (*SQE, error) {
	for r.tail-atomic.LoadUint32(r.sqHead) == uint32(len(r.sqes)) {
		if err := r.Submit(0); err != nil {
			return nil, err
		}
	}
	sqe := &r.sqes[r.tail&uint32(len(r.sqes)-1)]
	*sqe = SQE{}
	r.tail++
	return sqe, nil
}

// Submit gives the kernel all entries and waits for at least wait results. Fewer
// may be there after a signal, or when the kernel wants results to be taken first.
func (r *Ring) Submit(wait uint32) error {
	atomic.StoreUint32(r.sqTail, r.tail)
	n, _, errno := unix.Syscall6(unix.SYS_IO_URING_ENTER, uintptr(r.fd),
		uintptr(r.tail-r.submitted), uintptr(wait), enterGetEvents, 0, 0)
	switch errno {
	case 0:
		r.submitted += uint32(n)
		return nil
	case unix.EINTR, unix.EAGAIN, unix.EBUSY:
		return nil
	default:
		return os.NewSyscallError("io_uring_enter", errno)
	}
}

// Results hands out what is done by now, without waiting; what is done while it
// does is for the next call, so that the loop comes to its end. A place in the
// queue is free for the kernel again as soon as the loop goes on.
func (r *Ring) Results() iter.Seq[CQE] {
	return func(yield func(CQE) bool) {
		tail := atomic.LoadUint32(r.cqTail)
		for head := *r.cqHead; head != tail; head++ {
			cqe := r.cqes[head&uint32(len(r.cqes)-1)]
			atomic.StoreUint32(r.cqHead, head+1)
			if !yield(cqe) {
				return
			}
		}
	}
}

// Close ends the ring: the kernel cancels what is under way.
func (r *Ring) Close() error {
	var errs []error
	for _, mapped := range [][]byte{r.rings, r.entries} {
		if mapped != nil {
			errs = append(errs, unix.Munmap(mapped))
		}
	}
	return errors.Join(append(errs, unix.Close(r.fd))...)
}
