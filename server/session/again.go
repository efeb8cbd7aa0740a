package session

import (
	"errors"
	"slices"

	"ftpd/protocol"
)

const (
	// mostAsked is how often a block may come damaged: then the way is not worth
	// another try.
	mostAsked = 4
	// mostLacking bounds the blocks of one PUT that came damaged and have not come
	// again.
	mostLacking = 64
)

// lack is a block that came damaged. Its digest did not, for the frame's check covers
// that: so the file's digest stays what it is.
type lack struct {
	offset uint64
	digest protocol.Digest
	times  int
	asked  bool // READY AGAIN was sent for it, and its DATA has not come
}

// lacks are the blocks of a PUT that were asked for again, and are not yet verified.
type lacks []lack

// owed returns how many blocks the client is still to send.
func (l lacks) owed() (n int) {
	for i := range l {
		if l[i].asked {
			n++
		}
	}
	return n
}

// find returns the block at an offset, or nil.
func (l lacks) find(offset uint64) *lack {
	if i := slices.IndexFunc(l, func(k lack) bool { return k.offset == offset }); i >= 0 {
		return &l[i]
	}
	return nil
}

// came notes that the DATA of a block that was asked for is here.
func (l lacks) came(offset uint64) bool {
	k := l.find(offset)
	if k == nil || !k.asked {
		return false
	}
	k.asked = false
	return true
}

var errOther = &protocol.RequestError{Code: protocol.Changed, Retry: true, Message: "a block that was asked for again is another one now"}

// dataAgain takes a block that was asked for again, and reports whether it is one.
func (p *put) dataAgain(s *Session, b block) bool {
	if !p.lacking.came(b.Offset) {
		return false
	}
	if p.lacking.find(b.Offset).digest != b.Digest {
		p.drop(s, b)
		p.fail(s, errOther)
		return true
	}
	p.write(s, b)
	return true
}

// askAgain asks for a block that came damaged, alone, where that may help. The client
// goes on meanwhile.
func (p *put) askAgain(s *Session, data protocol.Data, err error) bool {
	if !errors.Is(err, errDamaged) || p.request.Flags&protocol.PutEager != 0 {
		return false
	}
	k := p.lacking.find(data.Offset)
	if k == nil {
		p.lacking = append(p.lacking, lack{offset: data.Offset, digest: data.Digest})
		k = &p.lacking[len(p.lacking)-1]
	}
	if k.times++; k.times == mostAsked || len(p.lacking) > mostLacking {
		return false
	}
	k.asked = true
	reply(s, p.id, protocol.Ready{Flags: protocol.ReadyAgain, Offset: data.Offset})
	return true
}

// verified notes that a block is verified and written.
func (p *put) verified(offset uint64) {
	if len(p.lacking) > 0 {
		p.lacking = slices.DeleteFunc(p.lacking, func(k lack) bool { return k.offset == offset })
	}
}

// dropped notes a DATA frame of a PUT that has failed.
func (p *put) dropped(s *Session, frame protocol.Frame) error {
	if p.lacking.owed() == 0 {
		return nil
	}
	data, err := protocol.Decode[protocol.Data](frame)
	if err == nil && p.lacking.came(data.Offset) {
		p.discarded(s)
	}
	return err
}
