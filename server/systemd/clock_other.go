//go:build unix && !linux

package systemd

// sinceBoot is nothing: systemd is of Linux, and others do not ask.
func sinceBoot() string { return "" }
