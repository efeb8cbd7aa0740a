package session

// InLine returns how many requests stand in line to make output.
func (s *Session) InLine() int { return len(s.producers) + len(s.opener.waiting) }
