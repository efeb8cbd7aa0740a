package session

// InLine returns how many requests stand in line to make output.
func (s *Session) InLine() int {
	if s.work == nil {
		return 0
	}
	return len(s.producers) + len(s.opener.waiting)
}

// InFlight returns the numbers of the requests in flight.
func (s *Session) InFlight() []uint32 {
	var ids []uint32
	if s.work != nil {
		for _, t := range s.requests.list {
			ids = append(ids, t.id)
		}
	}
	return ids
}

// Unhandled reports whether a whole frame has arrived that was not handled.
func (s *Session) Unhandled() bool {
	return s.work != nil && s.decoder.Pending() > 0 && s.decoder.Buffered() >= s.decoder.Pending() || s.work != nil && s.more
}

// Idle reports whether the session holds only what an idle one needs.
func (s *Session) Idle() bool { return s.work == nil }
