// Package reactor is the loop: one goroutine that owns every connection, a
// readiness selector that tells it which can be read or written, an offload
// pool for all that may block, one heap of deadlines and one accounted pool of
// buffers. It moves bytes and knows no protocol: a [Session] makes sense of
// them.
//
// The loop goroutine owns all state of this package. Another goroutine may do
// two things: post a completion and wake the selector.
//
// One round of [Loop.Run] is, in this order: wait in the selector, read the
// clock, serve events, serve completions, serve what the last round left over,
// serve deadlines, then settle every connection touched (write, adjust
// interest, close). ARCHITECTURE.md walks through it.
package reactor
