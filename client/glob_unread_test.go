package client

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ftpd/protocol"
)

// A directory that cannot be listed ends a pattern only where the pattern
// names it.
func TestGlobUnreadable(t *testing.T) {
	locked := protocol.Error{Code: protocol.Permission}
	for pattern, want := range map[string][]string{
		"*/*.txt":   {"a/x.txt", "b permission"},
		"*/x.txt":   {"a/x.txt", "b/x.txt permission"},
		"b/*":       {"permission"},
		"b/x.txt":   {"permission"},
		"**/*.txt":  {"a/x.txt", "b permission"},
		"**/b":      {"b", "b permission"},
		"*/**/none": {"b permission"},
	} {
		c := withPeer(t, peerOptions{}, func(p *peer) {
			for {
				f, ok := p.next()
				if !ok {
					return
				}
				switch f.Opcode {
				case protocol.OpList:
					m := decoded[protocol.List](p, f)
					p.listing(f.Request, m, locked)
				case protocol.OpStat:
					if decoded[protocol.Stat](p, f).Path == "a/x.txt" {
						p.send(f.Request, metaOfFile(nil))
					} else {
						p.send(f.Request, locked)
					}
				}
			}
		})
		var got []string
		for e, err := range c.Glob(limit(t), pattern) {
			switch {
			case errors.Is(err, ErrPermission):
				got = append(got, "permission")
			case errors.Is(e.Err, ErrPermission):
				got = append(got, e.Path+" permission")
			case err != nil || e.Err != nil:
				t.Errorf("%s: %v, %v", pattern, err, e.Err)
			default:
				got = append(got, e.Path)
			}
		}
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", pattern, diff)
		}
	}
}

// listing answers a LIST of the tree that has a/x.txt and an unreadable b.
func (p *peer) listing(request uint32, m protocol.List, locked protocol.Error) {
	directory := protocol.Meta{Kind: protocol.Directory, Mode: 0o755}
	deep := m.Flags&protocol.ListRecursive != 0
	var all []protocol.Entry
	switch m.Path {
	case ".":
		b := protocol.Entry{Path: "b", Meta: directory}
		if deep {
			b.Code = locked.Code
			all = append(all, protocol.Entry{Path: "a/x.txt", Meta: metaOfFile(nil)})
		}
		all = append(all, b, protocol.Entry{Path: "a", Meta: directory})
	case "a":
		all = []protocol.Entry{{Path: "x.txt", Meta: metaOfFile(nil)}}
	default:
		p.send(request, locked)
		return
	}
	p.send(request, protocol.Entries{List: all})
	p.send(request, protocol.OK{Count: uint64(len(all))})
}
