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

// Gate holds operations up until a test lets them go, as a disk does that
// does not answer. Its Hook goes into Hooks.
type Gate struct {
	held chan *Held
	open chan struct{}
	once sync.Once
}

// Held is an operation that waits at a gate.
type Held struct {
	Op   Op
	Path storage.Path

	released chan struct{}
	once     sync.Once
}

// NewGate returns a closed gate.
func NewGate() *Gate {
	return &Gate{held: make(chan *Held), open: make(chan struct{})}
}

// Hook blocks until the operation is released, or the gate opened.
func (g *Gate) Hook(op Op, path storage.Path) error {
	held := &Held{Op: op, Path: path, released: make(chan struct{})}
	select {
	case g.held <- held:
	case <-g.open:
		return nil
	}
	select {
	case <-held.released:
	case <-g.open:
	}
	return nil
}

// Held gives each operation that has come to the gate and waits there, once.
func (g *Gate) Held() <-chan *Held { return g.held }

// Release lets the operation go on. It may be called again.
func (h *Held) Release() { h.once.Do(func() { close(h.released) }) }

// Open lets every operation go on, now and later. It may be called again.
func (g *Gate) Open() { g.once.Do(func() { close(g.open) }) }
