package client

import "testing"

// However few descriptors there are, a tree does with them if that can be.
func TestOpenLimits(t *testing.T) {
	for _, n := range []int{0, 16, 20, 32, 64, 200, 256, 1024, 4096, 1 << 20} {
		l := openLimitsOf(n)
		if l.files < 1 || l.walkers < 1 || l.dirs < 1 || l.files > defaultWorkers || l.walkers > walkers || l.dirs > keepOpen {
			t.Errorf("of %d descriptors: %+v", n, l)
		}
		takes := others + perDir*l.dirs + perFile*(l.files+min(l.files, bulkWorkers)) + min(l.files, largeAtOnce)
		if n >= 32 && takes > n {
			t.Errorf("of %d descriptors: %+v, which may take %d", n, l, takes)
		}
	}
	if l := openLimitsOf(4096); l != (openLimits{defaultWorkers, walkers, keepOpen}) {
		t.Errorf("of 4096 descriptors: %+v", l)
	}
}
