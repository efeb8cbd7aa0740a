package reactor

import (
	"math"
	"testing"
)

// TestCostOfRecords: a turn ends behind records that brought next to nothing, each of which may
// have cost a derivation of keys, and not behind those of a transfer.
func TestCostOfRecords(t *testing.T) {
	for _, c := range []struct {
		name       string
		fetched, n int
		want       int
	}{
		{"nothing new", 0, 5000, 5000},
		{"full records", MediumBuffer, MediumBuffer - 5*22, MediumBuffer - 5*22},
		{"the beginning of a record", 16 << 10, 100, 100},
		{"small records", 40_000, 20_000, 20_000},
		{"a flood of key updates", MediumBuffer, 1, math.MaxInt},
		{"and with bytes that fill two records nearly", MediumBuffer, 31_000, math.MaxInt},
		{"and with some bytes among them", MediumBuffer, 20_000, math.MaxInt},
	} {
		s := &secure{fetched: c.fetched}
		if got := s.Cost(c.n); got != c.want {
			t.Errorf("%s: %d", c.name, got)
		}
	}
}
