package faulty

import (
	"slices"
	"sync"
	"sync/atomic"

	"ftpd/server/storage"
)

// Fail returns a hook that fails the given operations with err, or all of them
// if none is given.
func Fail(err error, ops ...Op) Hook {
	return On(func(Op, storage.Path) error { return err }, ops...)
}

// On returns a hook that is hook for the given operations only; none stands
// for all.
func On(hook Hook, ops ...Op) Hook {
	return func(op Op, path storage.Path) error {
		if len(ops) > 0 && !slices.Contains(ops, op) {
			return nil
		}
		return hook(op, path)
	}
}

// Nth returns a hook that is hook the n-th time it is called, counted from 1,
// and nothing at any other. Within On it counts only those operations.
func Nth(n int, hook Hook) Hook {
	var calls atomic.Int64
	return func(op Op, path storage.Path) error {
		if calls.Add(1) != int64(n) {
			return nil
		}
		return hook(op, path)
	}
}

// Chain returns a hook that calls hooks in turn until one fails.
func Chain(hooks ...Hook) Hook {
	return func(op Op, path storage.Path) error {
		for _, hook := range hooks {
			if err := hook(op, path); err != nil {
				return err
			}
		}
		return nil
	}
}

// Call is an operation that came to a gate.
type Call struct {
	Op   Op
	Path storage.Path
}

// Gate holds operations up until a test lets them go, as a disk does that
// does not answer. Its Hook goes into Hooks.
type Gate struct {
	calls chan Call
	open  chan struct{}
	once  sync.Once
}

// NewGate returns a closed gate.
func NewGate() *Gate {
	return &Gate{calls: make(chan Call), open: make(chan struct{})}
}

// Hook blocks until Pass is called for this operation or Open for all.
func (g *Gate) Hook(op Op, path storage.Path) error {
	select {
	case g.calls <- Call{op, path}:
	case <-g.open:
	}
	return nil
}

// Pass waits for an operation at the gate, lets that one go on and says which
// it was.
func (g *Gate) Pass() Call { return <-g.calls }

// Open lets every operation go on, now and later. It may be called again.
func (g *Gate) Open() { g.once.Do(func() { close(g.open) }) }
