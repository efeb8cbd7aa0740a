//go:build unix

package client

import "syscall"

// openRegular goes with the opening of files that should be regular ones. It
// saves the os package four system calls a file to find out what it may do
// with them, and keeps a named pipe that has taken the place from blocking.
const openRegular = syscall.O_NONBLOCK
