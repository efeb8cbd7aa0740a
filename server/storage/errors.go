package storage

import "errors"

// What can go wrong besides fs.ErrNotExist, fs.ErrExist and fs.ErrPermission.
// Errors wrap one of these; any other is a fault of the storage itself. Their
// texts name paths below the root only.
var (
	ErrIsDirectory  = errors.New("is a directory")
	ErrNotDirectory = errors.New("is not a directory")
	ErrNotEmpty     = errors.New("directory is not empty")
	ErrNoSpace      = errors.New("no space left on the server")
	ErrQuota        = errors.New("quota exceeded")
	ErrTooLarge     = errors.New("file is too large for the server's file system")
	ErrChanged      = errors.New("is not the version that was asked for")
	ErrInvalid      = errors.New("invalid argument")
	ErrBusy         = errors.New("busy; try again later")
)
