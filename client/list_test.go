package client

import (
	"errors"
	"testing"

	"ftpd/protocol"
)

// A listing says which of its names are illegal, and goes on.
func TestIllegalNamesInListing(t *testing.T) {
	c := withPeer(t, peerOptions{}, func(p *peer) {
		list := p.expect(protocol.OpList)
		var batch protocol.Entries
		for _, name := range []string{".", "", "..", "/a", "a/", "good", "..good"} {
			batch.List = append(batch.List, protocol.Entry{Path: name, Meta: metaOfFile(nil)})
		}
		p.send(list.Request, batch)
		p.send(list.Request, protocol.OK{Count: uint64(len(batch.List))})
		p.drain()
	})
	for e, err := range c.List(limit(t), "t", ListOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		good := e.Path == "good" || e.Path == "..good"
		if wrong, ok := errors.AsType[*Error](e.Err); good != (e.Err == nil) || ok && wrong.Message != illegalName {
			t.Errorf("%q: %v", e.Path, e.Err)
		}
	}
}
