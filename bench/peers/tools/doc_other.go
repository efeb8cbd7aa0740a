//go:build !linux

// Package tools is part of a program that runs on Linux only.
package tools
