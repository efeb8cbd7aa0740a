//go:build !linux

// Package apt is part of a program that runs on Linux only.
package apt
