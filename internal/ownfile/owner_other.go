//go:build !unix

package ownfile

import "io/fs"

// CheckOwner returns nil: the system shows no owner by number.
func CheckOwner(fs.FileInfo, ...int) error { return nil }
