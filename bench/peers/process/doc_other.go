//go:build !linux

// Package process is part of a program that runs on Linux only.
package process
