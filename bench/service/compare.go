//go:build linux

package main

import (
	"math"
	"slices"
	"time"
)

// quartiles returns the times below which a quarter, a half and three quarters lie.
func quartiles(times []time.Duration) [3]time.Duration {
	sorted := slices.Sorted(slices.Values(times))
	var q [3]time.Duration
	for i := range q {
		q[i] = sorted[(i+1)*(len(sorted)-1)/4]
	}
	return q
}

// auc returns how likely a time of a is longer than one of b, ties counting half: the U of
// Mann and Whitney (1947), as a share of all pairs. Where nothing tells them apart it is
// about one half.
func auc(a, b []time.Duration) float64 {
	sorted := slices.Sorted(slices.Values(b))
	wins := 0.0
	for _, t := range a {
		below, _ := slices.BinarySearch(sorted, t)
		upTo, _ := slices.BinarySearch(sorted, t+1)
		wins += float64(below) + float64(upTo-below)/2
	}
	return wins / float64(len(a)*len(b))
}

// chance returns how far from one half auc is in 19 of 20 cases, by chance alone, of n times
// and m others of one distribution: by the normal approximation of U.
func chance(n, m int) float64 {
	return 1.96 * math.Sqrt(float64(n+m+1)/float64(12*n*m))
}

// later returns times that are so much longer.
func later(times []time.Duration, by time.Duration) []time.Duration {
	longer := make([]time.Duration, len(times))
	for i, t := range times {
		longer[i] = t + by
	}
	return longer
}
