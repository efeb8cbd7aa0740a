//go:build unix && !linux

package confine

import "runtime"

// rules are those of a system without Landlock.
type rules struct{ mode Mode }

func prepare(plan Plan) (*rules, error) { return &rules{plan.Mode}, nil }

func (r *rules) close() {}

func (r *rules) enforce() (Report, error) {
	if r.mode == Off {
		return Report{}, nil
	}
	return Report{Without: "Landlock is of Linux, and this is " + runtime.GOOS}, nil
}
