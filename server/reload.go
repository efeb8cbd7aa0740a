//go:build unix

package server

import "errors"

// Reload reads again what can change while the server serves; whoever is connected
// stays so. What cannot be read is kept as it was, and is in the error. It blocks on the
// disk; any goroutine but the loop's may call it.
func (s *Server) Reload() error {
	var failed error
	for _, reload := range s.reloads {
		failed = errors.Join(failed, reload())
	}
	return failed
}
