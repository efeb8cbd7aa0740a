package session_test

import (
	"fmt"
	"testing"
	"time"

	"ftpd/protocol"
	"ftpd/server/storage"
)

// openListings counts the listings that are open.
type openListings struct {
	storage.Storage
	open, most int
}

type countedLister struct {
	storage.Lister
	of *openListings
}

func (o *openListings) List(path storage.Path, recursive bool) (storage.Lister, error) {
	l, err := o.Storage.List(path, recursive)
	if err != nil {
		return nil, err
	}
	o.open++
	o.most = max(o.most, o.open)
	return &countedLister{l, o}, nil
}

func (l *countedLister) Close() error {
	l.of.open--
	return l.Lister.Close()
}

// TestListingsAreFew asks for many listings of more than one batch: eight are open at
// once, whether they end, fail or are cancelled, and all are answered.
func TestListingsAreFew(t *testing.T) {
	root := t.TempDir()
	store := &openListings{Storage: storeOf(t, root)}
	h := newHarnessOn(t, root, store)
	h.greet()
	for i := range 700 {
		h.write(fmt.Sprintf("d/%0200d", i), "")
	}
	var b []byte
	const lists = 60
	for id := range uint32(lists) {
		path := "d"
		if id%7 == 3 {
			path = "nothing"
		}
		b = protocol.Append(b, id+1, protocol.List{Path: path})
	}
	for _, id := range []uint32{2, 30, 60} {
		b = protocol.Append(b, id, protocol.Cancel{})
	}
	answers := 0
	for _, f := range h.exchange(b) {
		if f.Opcode == protocol.OpOK || f.Opcode == protocol.OpError {
			answers++
		}
	}
	if answers != lists || store.most > 8 || store.open != 0 {
		t.Errorf("%d answers to %d listings, of which %d were open at once, and %d still are", answers, lists, store.most, store.open)
	}
}

// TestListingsEndWithConnection closes a connection with listings open and in line.
func TestListingsEndWithConnection(t *testing.T) {
	root := t.TempDir()
	store := &openListings{Storage: storeOf(t, root)}
	h := newHarnessOn(t, root, store)
	h.greet()
	for i := range 700 {
		h.write(fmt.Sprintf("d/%0200d", i), "")
	}
	h.blocked = true
	for id := range uint32(20) {
		h.feed(protocol.Append(nil, id+1, protocol.List{Path: "d"}))
	}
	for range 5 {
		h.step(0)
	}
	if store.open == 0 {
		t.Fatal("none is open")
	}
	h.close()
	if store.open != 0 {
		t.Errorf("%d listings are open", store.open)
	}
}

// TestHoldingSlowFrame tells since when a frame is in progress that comes byte by byte.
func TestHoldingSlowFrame(t *testing.T) {
	h := greeted(t)
	begun := h.now
	for _, b := range protocol.Append(nil, 2, protocol.Stat{Path: string(make([]byte, 3000))})[:2000] {
		h.feed([]byte{b})
		h.now = h.now.Add(time.Second)
	}
	if got := h.session.Holding(); !got.Equal(begun) {
		t.Errorf("memory is held since %v, want %v", got, begun)
	}
}
