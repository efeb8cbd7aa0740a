// Package selector tells which descriptors can be read or written now.
//
// A [Selector] holds a set of descriptors, each with an [Interest] and a value
// of the caller's, and [Selector.Select] waits until at least one of them is
// ready, a timeout has passed, or another goroutine calls [Selector.Wake]. It
// knows no protocol, opens and closes no descriptor but its own, and never
// touches Go's poller: a descriptor that Go's net or os package owns must not
// be registered, and what is registered should not block (O_NONBLOCK): readiness is
// what the kernel knew a moment ago, and select(2) and others tell of some that is
// gone when the call comes. Every backend ([Kind]) behaves as described here.
//
// # Registration
//
// A descriptor is registered at most once, by its number:
//
//	                               Register          Modify, Unregister, Key
//	not registered                 a new Key         ErrNotFound
//	registered                     ErrExists         its Key
//	closed or reused since         ErrExists         its Key; of Modify see below
//	not open                       EBADF             ErrNotFound
//	negative                       ErrInvalid        the same
//	at or above Limit (select)     ErrTooManyFiles   ErrNotFound
//	regular file                   see below         its Key
//	Selector closed                ErrClosed         the same
//
// An interest that is empty or has unknown bits is ErrInvalid, and so is the
// descriptor of the Selector's own by which Wake works. After an error the registry
// is as it was. A regular file or a directory is always ready with poll and select,
// and EPERM with epoll; with kqueue it is ready to be read but at its end, and with
// event ports always. Of devices each kernel has its own opinion: epoll refuses
// /dev/null.
//
// Unregister first, then close. Unregister also works, and is needed, after the
// descriptor was closed and even after its number was reused, so a mistake in
// the order never locks a number up, and disturbs no other registration. Between
// the close and the Unregister it depends on the backend what Select reports for
// that number, and what a Modify of the interest does:
//
//	              closed                 with a duplicate open     number reused
//	epoll         nothing; EBADF         its events; EBADF         nothing; ENOENT
//	poll          a hang-up; succeeds    a hang-up; succeeds       the new file's; succeeds
//	select        as poll
//	kqueue        nothing; EBADF         nothing; EBADF            nothing; the new file's
//	event ports   nothing; EBADFD        nothing; EBADFD           nothing; the new file's
//
// Two numbers that dup(2) made of one open file are two registrations, each with
// its own events.
//
// Modify updates the [Key] in place: the Key that Register returned stays the
// one Key of that registration until Unregister. When only the data changes,
// Modify makes no system call, unless the Selector is edge-triggered. Interest
// must name something; to stop listening altogether, unregister.
//
// # Readiness
//
// Selectors are level-triggered, [EpollET] excepted: a descriptor is reported by
// every Select for as long as it is ready. Event.Ready is never zero and always a
// subset of the interest that the key had when Select looked; each descriptor has
// at most one Event in a batch, which tells of both operations:
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
// select(2) and kqueue(2) do not report a hang-up apart. With them an error is
// whatever reading and writing are ready for, and a hang-up is not told to an interest
// in what the descriptor cannot do: writing to the reading end of a pipe and, on
// FreeBSD, reading from the writing end. Out-of-band data is not watched for.
//
// A peer that merely shut down its writing side is readable (end of stream) and
// not a hang-up: a key with interest Write alone does not hear of it.
//
// # Edge-triggered
//
// A Selector of kind [EpollET] reports a descriptor once after it was registered,
// modified, or changed: more data came, room was made, the peer hung up. It does
// not report what was left. So the caller reads, writes or accepts until the call
// would block (EAGAIN), or remembers that it has not and comes back by itself:
//
//   - A short read of a stream is not the end of it. The end of the stream may lie
//     behind, and has been reported already, with the data (epoll(7), question 9,
//     knows this rule without its exception).
//   - What stops early for the sake of others goes on without an event.
//   - Modify with the same interest arms the descriptor again: what is ready now
//     is reported by the next Select. It costs a system call.
//
// An event may also come without need: data that arrives while older data is
// unread is reported again. [Kind.EdgeTriggered] tells the two apart.
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
// A timeout below zero waits until something happens, zero polls, and any other is
// rounded up to the kernel's resolution (a millisecond for epoll and poll, a microsecond for
// select), so that a loop that waits for a deadline never spins just before it. A
// positive timeout ends after 2^31-1 milliseconds (24.8 days) at the latest. Select may return
// early with no events and no error: after Wake, after a signal (EINTR) and after
// a stale event. A caller looks at its clock and calls Select again.
//
// A Wake before a Select makes that Select return at once, one during a Select
// ends it, and one after it is for the next: none is lost, and any number of them
// before a Select has returned count as one.
//
// One Select of epoll reports at most as many events as its buffer holds: 64,
// doubled after each full batch up to 4096; of event ports likewise. The kernel
// takes turns, so what did not fit comes first in the next batch. The others
// report all.
//
// # Limits
//
// select(2) knows descriptors below FD_SETSIZE: 1024, and 256 on NetBSD. A higher
// number is [ErrTooManyFiles], and so is Open where the Selector's own descriptor
// would be one; [Kind.Limit] tells. The other kinds have no limit of their own;
// epoll's is /proc/sys/fs/epoll/max_user_watches (ENOSPC).
//
// # Concurrency
//
// A Selector and its Keys belong to one goroutine at a time. Only Wake may be
// called from any goroutine at any time, also while or after Close runs.
//
// # Cost
//
// A registration takes 32 bytes for its Key and 8 for its place in a table
// indexed by descriptor; poll adds 16, kqueue at most 140, and select takes 5 KiB once. The
// tables are as long as the highest descriptor seen and do not shrink. Register
// allocates the Key, and now and then a longer table. Modify, Unregister, Key and
// Wake allocate nothing, nor does Select once its buffers have grown to the size
// of its batches; with event ports Select and Modify do, whether or not there are events.
//
// A Select costs, besides its events: with epoll, kqueue and event ports nothing
// for what is not ready; with poll a look at each registered descriptor; with
// select one at each number up to the highest registered.
//
// # What was run
//
// Linux: all of its backends, by one suite. The kqueue and event-port backends are
// built and vetted for macOS, FreeBSD, OpenBSD, NetBSD, DragonFly, illumos and
// Solaris from their manual pages; they were not run, and neither was AIX, which has
// poll alone.
package selector
