//go:build !linux

// Package machine says on what something was measured, on Linux only.
package machine
