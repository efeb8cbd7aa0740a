package session

// InLine returns how many requests stand in line to make output.
func (s *Session) InLine() int {
	if s.work == nil {
		return 0
	}
	return len(s.producers) + len(s.opener.waiting)
}

// Idle reports whether the session holds only what an idle one needs.
func (s *Session) Idle() bool { return s.work == nil }
