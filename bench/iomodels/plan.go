//go:build linux

package main

import "time"

// A plan says what is measured and for how long.
type plan struct {
	idle   []int // connections that stay silent, one server for each
	active []int // connections that ask, on each of these servers
	// measure is how long requests are counted, after warm; rest is how long an
	// idle server is watched, after settle, in which the runtime and the kernel put
	// away what opening the connections has left.
	warm, measure, settle, rest time.Duration
	// heavy is how long the clients beside a heavy one are measured.
	heavy  time.Duration
	rounds int
	limit  time.Duration // nothing is begun after it
}

// heavyActive is how many clients are measured beside the heavy one.
const heavyActive = 16

// fullPlan takes under ten minutes on two processors.
func fullPlan() plan {
	return plan{
		idle:   []int{1, 10, 100, 1000, 10_000},
		active: []int{1, 16, 128},
		warm:   60 * time.Millisecond, measure: 300 * time.Millisecond,
		settle: 150 * time.Millisecond, rest: 300 * time.Millisecond,
		heavy:  700 * time.Millisecond,
		rounds: 5,
		limit:  9*time.Minute + 30*time.Second,
	}
}

// quickPlan takes under a minute, and shows less sharply.
func quickPlan() plan {
	return plan{
		idle:   []int{1, 100, 1000, 10_000},
		active: []int{1, 16, 128},
		warm:   20 * time.Millisecond, measure: 80 * time.Millisecond,
		settle: 40 * time.Millisecond, rest: 80 * time.Millisecond,
		heavy:  300 * time.Millisecond,
		rounds: 1,
		limit:  50 * time.Second,
	}
}
