package selector

import (
	"fmt"
	"strings"
)

// Kind names the kernel interface that a Selector uses. The zero value is Auto.
type Kind uint8

// The kernel interfaces; Kinds says which of them this platform has.
const (
	Auto      Kind = iota // the best that this platform has
	Epoll                 // epoll(7), level-triggered: Linux
	EpollET               // epoll(7), edge-triggered: Linux
	Poll                  // poll(2): every Unix
	Select                // select(2): Linux, macOS and the BSDs, descriptors below FD_SETSIZE only
	Kqueue                // kqueue(2): macOS and the BSDs
	EventPort             // port_create(3C): illumos and Solaris
)

// EdgeTriggered says whether a Selector of this kind reports a change only, so
// that its caller must drain: see "Edge-triggered" in the package documentation.
func (k Kind) EdgeTriggered() bool { return k == EpollET }

// Limit returns the lowest descriptor that Register refuses because of its
// number (ErrTooManyFiles), and 0 where there is no such limit.
func (k Kind) Limit() int {
	for _, o := range openers() {
		if o.kind == k {
			return o.limit
		}
	}
	return 0
}

// kindNames are the names of the command line, indexed by Kind.
var kindNames = [...]string{
	Auto:      "auto",
	Epoll:     "epoll",
	EpollET:   "epoll-et",
	Poll:      "poll",
	Select:    "select",
	Kqueue:    "kqueue",
	EventPort: "eventport",
}

// String returns the name that ParseKind accepts for k.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

// ParseKind returns the Kind with the given name, in lower case: auto, epoll,
// epoll-et, poll, select, kqueue or eventport. It knows the kinds of every
// platform; whether this one has it is for Open to say. Any other name is
// ErrInvalid.
func ParseKind(name string) (Kind, error) {
	for kind, known := range kindNames {
		if name == known {
			return Kind(kind), nil
		}
	}
	return Auto, fmt.Errorf("selector: %w: kind %q is none of %s",
		ErrInvalid, name, strings.Join(kindNames[:], ", "))
}

// Kinds lists what Open accepts on this platform besides Auto, best first. The
// slice is the caller's. It is empty where the package is not supported.
func Kinds() []Kind {
	var kinds []Kind
	for _, o := range openers() {
		kinds = append(kinds, o.kind)
	}
	return kinds
}
