package selector

import "fmt"

// Interest is a set of operations: those to wait for, or those that are ready.
type Interest uint8

// The operations that can be waited for.
const (
	Read  Interest = 1 << iota // reading, accepting
	Write                      // writing, connecting
)

const allInterest = Read | Write

// valid says whether i can be registered: not empty, and nothing unknown.
func (i Interest) valid() bool {
	return i != 0 && i&^allInterest == 0
}

// String returns "read", "write", "read|write" or "none", for logs and tests.
func (i Interest) String() string {
	switch i {
	case 0:
		return "none"
	case Read:
		return "read"
	case Write:
		return "write"
	case Read | Write:
		return "read|write"
	default:
		return fmt.Sprintf("Interest(%#x)", uint8(i))
	}
}

// A Key is one registration of a descriptor, from Register to Unregister. It
// belongs to the goroutine that owns the Selector.
type Key struct {
	data     any
	fd       int32
	gen      uint32
	interest Interest
	live     bool
}

// FD returns the descriptor's number.
func (k *Key) FD() int { return int(k.fd) }

// Interest returns what is waited for, or was when the Key was unregistered.
func (k *Key) Interest() Interest { return k.interest }

// Data returns the caller's value, also after the Key was unregistered.
func (k *Key) Data() any { return k.data }

// Valid says whether the Key is still registered. It stays false once
// Unregister or Close made it so, whatever becomes of the descriptor's number.
func (k *Key) Valid() bool { return k.live }

// An Event says that the descriptor of Key is ready for the operations in
// Ready: never none, and never more than Key's interest was at the time.
type Event struct {
	Key   *Key
	Ready Interest
}
