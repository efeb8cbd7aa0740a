package session_test

import (
	"time"

	"ftpd/protocol"
)

// steps are what a byte of a program can mean. Those that get on come often.
var steps = []func(w *walk){
	(*walk).ask, (*walk).ask, (*walk).ask, (*walk).ask,
	(*walk).data, (*walk).data, (*walk).data, (*walk).data, (*walk).data, (*walk).data,
	(*walk).end, (*walk).end, (*walk).end,
	(*walk).feedSome, (*walk).feedSome, (*walk).feedAll, (*walk).feedAll, (*walk).feedAll, (*walk).feedAll,
	(*walk).oneJob, (*walk).oneJob, (*walk).oneJob, (*walk).allJobs, (*walk).allJobs, (*walk).allJobs,
	func(w *walk) { w.h.resume() },
	func(w *walk) { w.send(protocol.Append(nil, w.id(), protocol.Cancel{})) },
	(*walk).again, (*walk).again, (*walk).again,
	(*walk).ping,
	(*walk).login, (*walk).login,
	func(w *walk) { w.h.blocked = !w.h.blocked; w.h.drain() },
	(*walk).shortage,
	func(w *walk) { w.fault = int(w.byte() % 32) },
	(*walk).passTime,
	(*walk).rare,
}

// rare is what ends a connection, or begins its end.
func (w *walk) rare() {
	switch w.byte() % 12 {
	case 0:
		w.ending = true
		w.send(protocol.Append(nil, 0, protocol.Bye{}))
	case 1:
		if w.quiet() {
			for _, a := range w.ledger.all() {
				a.drained = reasonShutdown
			}
		}
		w.ending = true
		w.session.Drain(w.h.now)
	case 2:
		if !w.eof {
			w.eof = true
			w.session.Received(w.h.now, 0)
			w.session.EOF(w.h.now)
		}
	case 3:
		w.sendBytes(int(w.byte()))
	case 4, 5:
		w.wild()
	case 6:
		if n := len(w.logins); n > 0 {
			w.logins[n-1].Revoke()
		}
	}
}

// sendBytes sends the next bytes of the program as they are.
func (w *walk) sendBytes(n int) {
	n = min(n, len(w.program))
	w.send(w.program[:n])
	w.program = w.program[n:]
}

func (w *walk) path() string {
	return of(w, "file", "big", "big", "big", "dir/small", "dir", "new", "x/y/z", "", "dir/.ftpd-x", "../out", "dir/new")
}

// lawless is seldom true: then a rule is broken for which the connection ends.
func (w *walk) lawless() bool { return w.byte()%64 == 63 }

// free takes a number that is not in use; 0 where as many are as may be.
func (w *walk) free() uint32 {
	if w.lawless() {
		return w.id()
	}
	used, free := 0, uint32(0)
	for id := uint32(1); id <= 7; id++ {
		if w.ledger.newest(id) != nil || w.ledger.owed[id] {
			used++
		} else {
			free = id
		}
	}
	if used >= walkInFlight {
		return 0
	}
	return free
}

// ready takes a PUT that may send; 0 where there is none.
func (w *walk) ready() uint32 {
	if w.lawless() {
		return w.id()
	}
	for id, from := uint32(1), w.id(); id <= 7; id++ {
		at := (from+id)%7 + 1
		a := w.ledger.newest(at)
		if a != nil && a.op == protocol.OpPut && !a.ended && (a.replies > 0 || a.put.Flags&protocol.PutEager != 0) {
			return at
		}
	}
	return 0
}

// ask makes a request.
func (w *walk) ask() {
	id := w.free()
	if id == 0 {
		return
	}
	switch w.byte() % 10 {
	case 0:
		w.send(protocol.Append(nil, id, protocol.Stat{Path: w.path()}))
	case 1, 2:
		offset, length := of[uint64](w, 0, 5, protocol.BlockSize, 1<<62), of[uint64](w, protocol.SizeUnknown, 0, 9, 300_000)
		w.send(protocol.Append(nil, id, protocol.Get{Offset: offset, Length: length, Path: w.path()}))
	case 3, 4, 5:
		w.send(protocol.Append(nil, id, w.put()))
		if a := w.ledger.newest(id); a != nil && a.put.Flags&protocol.PutJoin != 0 {
			a.next = of[uint64](w, 0, protocol.BlockSize, 2*protocol.BlockSize)
		}
	case 6:
		w.send(protocol.Append(nil, id, protocol.List{Flags: protocol.Flags(w.byte() & 1), Path: w.path()}))
	case 7:
		w.send(protocol.Append(nil, id, protocol.Sum{Algorithm: protocol.Algorithm(w.byte() % 4), Path: w.path()}))
	case 8:
		w.send(protocol.Append(nil, id, protocol.Rename{Flags: protocol.Flags(w.byte() & 3), From: w.path(), To: w.path()}))
	default:
		if w.byte()&1 == 0 {
			w.send(protocol.Append(nil, id, protocol.Mkdir{Flags: protocol.Flags(w.byte() & 1), Path: w.path()}))
		} else {
			w.send(protocol.Append(nil, id, protocol.Remove{Flags: protocol.Flags(w.byte() & 1), Path: w.path()}))
		}
	}
}

func (w *walk) put() protocol.Put {
	flags := of(w, protocol.PutEager, 0, 0, 0, protocol.PutSpread, protocol.PutSpread, protocol.PutJoin|protocol.PutEager, protocol.PutJoin|protocol.PutEager, protocol.PutEager|protocol.PutParents, protocol.PutCreateOnly, protocol.PutJoin)
	return protocol.Put{
		Flags: flags, Mtime: protocol.NoTime, Version: 1, Source: of[uint64](w, 1, 0),
		Size: of[uint64](w, 2*protocol.BlockSize+9, 3, 0, 40_000, 65_537, 2*protocol.BlockSize+9, protocol.SizeUnknown, 1<<62),
		Path: of(w, "new", "new", "file", "x/y/z", "dir"),
	}
}

// data makes a block of a PUT: the next one and whole, or something else.
func (w *walk) data() {
	id, fault := w.ready(), w.byte()
	a := w.ledger.newest(id)
	if a == nil {
		a = &asked{put: protocol.Put{Size: 9}}
	}
	size := min(a.put.Size, corpusSize)
	if id == 0 || a.next >= size && fault < 250 {
		return
	}
	n := 1
	if a.next < size {
		n = int(protocol.BlockEnd(a.next, size) - a.next)
	}
	switch fault % 16 {
	case 13: // shorter than the block
		n = max(1, n/2)
	case 14: // another place
		a.next += protocol.BlockSize
	}
	m := block(a.next, n)
	a.next += uint64(n)
	a.tree.Add(m.Digest, n)
	if fault%16 == 15 {
		m.Digest[0] ^= 1
	}
	w.send(protocol.Append(nil, id, m))
}

func block(offset uint64, n int) protocol.Data {
	from := int(offset % corpusSize)
	n = min(n, protocol.BlockSize-int(offset%protocol.BlockSize), len(corpus)-from)
	b := []byte(corpus[from : from+n])
	return protocol.Data{Offset: offset, Digest: protocol.BlockDigest(b), Bytes: b}
}

// again makes the block that a PUT was asked for once more.
func (w *walk) again() {
	id := w.id()
	a := w.ledger.newest(id)
	if a == nil || len(a.owed) == 0 {
		return
	}
	offset := a.owed[0]
	a.owed = a.owed[1:]
	m := block(offset, int(protocol.BlockEnd(offset, max(offset+1, min(a.put.Size, corpusSize)))-offset))
	if w.byte()%4 == 3 {
		m.Digest[0] ^= 1
	}
	w.send(protocol.Append(nil, id, m))
}

func (w *walk) end() {
	id, fault := w.ready(), w.byte()
	m := protocol.End{Algorithm: protocol.XXH3Tree}
	a := w.ledger.newest(id)
	if id == 0 || a != nil && a.put.Size < corpusSize && a.next < a.put.Size && fault < 250 && a.put.Flags&(protocol.PutSpread|protocol.PutJoin) == 0 {
		return
	}
	if a != nil {
		m.Size, m.Digest = a.tree.Size(), a.tree.Sum()
		if a.put.Flags&protocol.PutSpread != 0 && a.put.Size <= corpusSize {
			m.Size, m.Digest = a.put.Size, spreadDigest(a)
		}
	}
	if fault%16 == 15 {
		m.Digest[0] ^= 1
	}
	w.send(protocol.Append(nil, id, m))
}

// spreadDigest is the digest of a file whose blocks came by other requests.
func spreadDigest(a *asked) protocol.Digest {
	var tree protocol.Tree
	for at := uint64(0); at < a.put.Size; {
		end := protocol.BlockEnd(at, a.put.Size)
		tree.Add(block(at, int(end-at)).Digest, int(end-at))
		at = end
	}
	return tree.Sum()
}

func (w *walk) ping() {
	m := protocol.Ping{Position: w.made, Content: []byte("content")[:w.byte()%8]}
	if w.lawless() {
		m.Position++
	}
	w.send(protocol.Append(nil, of[uint32](w, 0, 1, 9), m))
}

// wild makes a frame of any opcode, number, flags and payload, with checks that
// are right.
func (w *walk) wild() {
	id, payload := w.id()-1, min(int(w.byte()), len(w.program))
	frame := []byte{protocol.Version, w.byte() % 80, 0, w.byte(), 0, 0, 0, byte(id), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	payload = min(payload, len(w.program))
	frame[11] = byte(payload)
	frame = append(frame, w.program[:payload]...)
	w.program = w.program[payload:]
	w.send(protocol.Seal(frame))
}

func (w *walk) feedSome() { w.advance(of(w, 1, 7, 19, 20, 21, 100, 5000, 70_000)) }

func (w *walk) feedAll() { w.advance(len(w.pending)) }

func (w *walk) oneJob() {
	if n := len(w.h.jobs); n > 0 {
		w.h.step(int(w.byte()) % n)
	}
}

func (w *walk) allJobs() { w.h.run() }

// shortage has memory run out, or come back.
func (w *walk) shortage() {
	switch w.byte() % 4 {
	case 0:
		w.h.starved = true
	case 1:
		w.h.noBulk = true
	case 2:
		w.h.share = of(w, 0, 100_000, 1<<20)
	default:
		w.feedMemory()
	}
}

func (w *walk) passTime() {
	w.wait(of(w, time.Second, time.Second, 11*time.Second, 11*time.Second, time.Minute, time.Hour))
}

func (w *walk) wait(d time.Duration) {
	w.h.now = w.h.now.Add(d)
	if due := w.h.deadline; !due.IsZero() && !w.h.now.Before(due) && !w.h.over() {
		w.h.deadline = time.Time{}
		w.session.Expire(w.h.now)
	}
}
