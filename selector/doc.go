// Package selector tells which descriptors can be read or written now.
//
// A [Selector] holds a set of descriptors, each with an [Interest] and a value
// of the caller's, and [Selector.Select] waits until at least one of them is
// ready, a timeout has passed, or another goroutine calls [Selector.Wake]. It
// knows no protocol, opens and closes no descriptor but its own, and never
// touches Go's poller: a descriptor that Go's net or os package owns must not
// be registered. Every backend ([Kind]) behaves as described here.
//
// # Registration
//
// A descriptor is registered at most once, by its number. Two numbers that
// dup(2) made of one open file are two registrations, each with its own events.
// Unregister first, then close. Unregister also works, and is needed, after the
// descriptor was closed and even after its number was reused, so a mistake in
// the order never locks a number up; but between the close and the Unregister
// what Select reports for that number depends on the backend.
//
// Modify updates the [Key] in place: the Key that Register returned stays the
// one Key of that registration until Unregister. When only the data changes,
// Modify makes no system call. Interest must name something; to stop listening
// altogether, unregister.
//
// # Readiness
//
// Selectors are level-triggered: a descriptor is reported by every Select for
// as long as it is ready. Event.Ready is never zero and always a subset of the
// interest that the key had when Select looked:
//
//   - Read: a read, or an accept, would not block: there is data, a connection,
//     or the end of the stream.
//   - Write: a write would not block, or a connect has finished, well or badly.
//   - A hang-up or an error (POLLHUP, POLLERR, POLLNVAL and the like of other
//     backends) counts as Read where the interest includes Read, and as Write
//     where it is Write alone, so it is always seen and the read or write that
//     follows finds the cause. It is in addition to what the kernel says of
//     reading and writing.
//
// A peer that merely shut down its writing side is readable (end of stream) and
// not a hang-up: a key with interest Write alone does not hear of it.
//
// # Batches and stale events
//
// Select hands out a whole batch of events, and handling one may unregister,
// modify or replace the descriptor of a later one. The events already handed
// out do not change, so a caller that unregisters while it walks a batch checks
// each event before it acts:
//
//	for _, event := range events {
//		if !event.Key.Valid() {
//			continue // unregistered by an earlier event of this batch
//		}
//		ready := event.Ready & event.Key.Interest() // if Modify is used too
//		...
//	}
//
// The test holds when the number was closed, opened anew and registered again
// in the meantime: that is another Key. Between Selects no check is needed. A
// registration has a generation, and an event the kernel still reports for an
// ended one is dropped and counted by [Selector.Stale]. That happens with epoll
// alone, which watches open files: if a registered descriptor was closed before
// it was unregistered, and a duplicate keeps its file open, the file stays in
// the set and cannot be removed by any call (epoll(7), question 6). Select then
// builds the set anew, so that such an orphan costs one early return and no
// spinning.
//
// # Waiting
//
// A timeout below zero waits for ever, zero polls, and any other is rounded up
// to the kernel's resolution, a millisecond for epoll and poll, so that a loop
// that waits for a deadline never spins just before it. A wait ends after
// 2^31-1 milliseconds (24.8 days) at the latest. Select may return early with
// no events and no error: after Wake, after a signal (EINTR) and after a stale
// event. A caller looks at its clock and calls Select again.
//
// One Select of epoll reports at most as many events as its buffer holds: 64,
// doubled after each full batch up to 4096. The kernel takes turns, so what did
// not fit comes first in the next batch. Poll reports all.
//
// # Concurrency
//
// A Selector and its Keys belong to one goroutine at a time. Only Wake may be
// called from any goroutine at any time, also while or after Close runs.
//
// # Cost
//
// A registration takes 32 bytes for its Key and 8 for its place in a table
// indexed by descriptor; poll adds 16. The table is as long as the highest
// descriptor seen and does not shrink. Select allocates nothing once its
// buffers have grown to the size of its batches.
package selector
