//go:build !unix

package client

// openRegular goes with the opening of files that should be regular ones.
const openRegular = 0
