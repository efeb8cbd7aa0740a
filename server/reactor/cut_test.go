package reactor

import (
	"errors"
	"testing"
)

// TestCutFor: a selector that fails is named first, whatever was asked for besides.
func TestCutFor(t *testing.T) {
	broken := errors.New("broken")
	l := &Loop{}
	if got := l.cutFor(broken); got != ReasonSelectorError {
		t.Errorf("cut for %q", got)
	}
	if got := l.cutFor(nil); got != ReasonDrainTimeout {
		t.Errorf("cut for %q when the time to drain is over", got)
	}
	l.abort.Store(true)
	if got := l.cutFor(nil); got != ReasonAbort {
		t.Errorf("cut for %q", got)
	}
	if got := l.cutFor(broken); got != ReasonSelectorError {
		t.Errorf("cut for %q", got)
	}
}
