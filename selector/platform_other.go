//go:build !unix

package selector

// Where there is no Unix there is no backend: Kinds is empty and Open returns
// ErrUnsupported. The package compiles, so that what imports it does.
func openers() []opener { return nil }

func (s *Selector) rebuild() {}

// A notifier is never opened here, for there is no backend to watch it.
type notifier struct{}

func openNotifier() (*notifier, error) { return nil, ErrUnsupported }

func (*notifier) fd() int       { return -1 }
func (*notifier) signal() error { return ErrUnsupported }
func (*notifier) drain()        {}
func (*notifier) close() error  { return nil }
