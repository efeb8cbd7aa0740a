//go:build !unix

package client

import "math"

// descriptorLimit is not known of there.
func descriptorLimit() int { return math.MaxInt32 }
