//go:build unix

package selector

import (
	"errors"
	"syscall"
)

// rebuild replaces the backend by a new one with the registered keys alone. The
// Selector calls it after a stale event: the kernel still watches an open file
// whose registration ended after its descriptor was closed, cannot be told to
// stop, and would report it again in every wait.
//
// If the kernel refuses (the process may be out of descriptors), the old backend
// stays in use, complete, and the next stale event leads here again.
func (s *Selector) rebuild() {
	if fresh, err := s.opener.open(); err == nil {
		s.replaceBackend(fresh)
	}
}

// replaceBackend goes over to fresh if it takes all keys, and closes the other.
func (s *Selector) replaceBackend(fresh backend) {
	unused := fresh
	if s.fill(fresh) {
		unused, s.backend = s.backend, fresh
	}
	_ = unused.close() // its descriptor is gone, whatever close reports
}

// fill adds what the old backend watches. It does not watch a descriptor that was
// closed while registered, nor what has its number since: a modify tells. Only a lack
// of memory or of watches (epoll_ctl(2): ENOSPC) can refuse the rest.
func (s *Selector) fill(fresh backend) bool {
	if err := fresh.add(s.wakeup.fd(), wakeupGen, Read); err != nil {
		return false
	}
	for key := range s.Keys() {
		if s.backend.modify(key.FD(), key.gen, key.interest) != nil {
			continue
		}
		err := fresh.add(key.FD(), key.gen, key.interest)
		if errors.Is(err, syscall.ENOMEM) || errors.Is(err, syscall.ENOSPC) {
			return false
		}
	}
	return true
}
