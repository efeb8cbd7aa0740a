//go:build unix

package local

// atOnce bounds the uploads that are in system calls at the same time, those that
// wait for a sync not counted: each such call may take a thread.
const atOnce = 96

// gate lets so many in at once.
type gate chan struct{}

func (g gate) enter() { g <- struct{}{} }
func (g gate) leave() { <-g }

// outside runs what waits for others, for who is inside.
func (g gate) outside(wait func() error) error {
	g.leave()
	defer g.enter()
	return wait()
}
