package main

import (
	"testing"
	"time"
)

// The rate is that of the last seconds, not that of the whole.
func TestMeter(t *testing.T) {
	const mib = 1 << 20
	var m meter
	at := func(seconds, moved int64) counts {
		c := counts{bytes: 100 * mib, moved: moved, elapsed: time.Duration(seconds) * time.Second}
		m.add(&c)
		return c
	}
	steps := []struct {
		seconds, moved int64
		rate, left     int64 // bytes a second; seconds, or -1
	}{
		{1, 10 * mib, 10 * mib, 9},
		{2, 20 * mib, 10 * mib, 8},
		{5, 20 * mib, 4 * mib, 20},
		{6, 20 * mib, 2 * mib, 40},
		{7, 20 * mib, 0, -1},
		{8, 20 * mib, 0, -1},
		{10, 60 * mib, 8 * mib, 5},
		{1000, 80 * mib, 20 * mib / 990, 990},
	}
	for _, s := range steps {
		c := at(s.seconds, s.moved)
		left, known := c.left()
		if !known {
			left = -time.Second
		}
		if int64(c.perSecond()) != s.rate || int64(left.Round(time.Second).Seconds()) != s.left || c.rests() == known {
			t.Errorf("after %d s: %.0f bytes a second, %v left, rests %t; want %d, %d s", s.seconds, c.perSecond(), left, c.rests(), s.rate, s.left)
		}
	}
}
