//go:build !race

package session_test

// raceDetector allocates where the product does not.
const raceDetector = false
