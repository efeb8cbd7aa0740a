//go:build !race

package server

// raceDetector allocates where the product does not.
const raceDetector = false
