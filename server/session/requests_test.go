package session

import (
	"math/rand/v2"
	"testing"
)

// numbered is a request that is only told from others.
type numbered int

func (numbered) cancel(*Session) {}
func (numbered) waits() bool     { return false }

// Few or many, a request is found under its number until it ends, and nothing is
// kept of many once all have ended.
func TestRequestList(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, most := range []int{1, fewRequests, fewRequests + 1, 500} {
		var l requestList
		want := make(map[uint32]request)
		for step := range 20 * most {
			id := random.Uint32N(uint32(2 * most))
			_, there := want[id]
			switch {
			case there:
				l.remove(id)
				delete(want, id)
			case len(want) < most:
				want[id] = numbered(step)
				l.add(id, want[id])
			}
			if l.len() != len(want) {
				t.Fatalf("%d of at most %d are %d", len(want), most, l.len())
			}
			if probe := random.Uint32N(uint32(2 * most)); l.find(probe) != want[probe] {
				t.Fatalf("request %d of at most %d is %v", probe, most, l.find(probe))
			}
		}
		for id, r := range want {
			if l.find(id) != r {
				t.Errorf("request %d of at most %d is %v", id, most, l.find(id))
			}
			l.remove(id)
		}
		if l.len() != 0 || l.index != nil || cap(l.list) > 2*fewRequests {
			t.Errorf("%d of at most %d are left, with room for %d", l.len(), most, cap(l.list))
		}
	}
}
