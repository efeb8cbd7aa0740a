// Package client gets, puts and lists files on an ftpd server.
//
//	c, err := client.Dial(ctx, "files.example:2120", nil)
//	if err != nil {
//		return err
//	}
//	defer c.Close()
//	result, err := c.GetFile(ctx, "album/photo.jpg", "photo.jpg", nil)
//
// A [Client] is one connection, or as many as [Options].Connections allows. Its
// methods block, may be called from any number of goroutines, and share the
// connections: requests are pipelined, and as many are in flight as both sides
// allow. Every block that arrives is verified before it is handed on, and every
// file before it gets its name.
//
// # TLS
//
// With [Options].TLS every connection is inside TLS 1.3. Whom to trust is up to that
// configuration: a zero one trusts the authorities of this machine, and package trust
// makes those for a fingerprint and for servers that are known from before. A server that
// is not trusted is a [*TrustError]; one that speaks TLS where it should not, or not the
// same, a [*TLSError]. Neither is dialled again. [Options].Login logs in on each connection.
//
// # Retries
//
// With [Options].Retries a connection that is lost, or ended by a server that shuts
// down or has no room, is dialled again, and what was under way goes on:
//
//   - A get asks for what comes behind the last block that it has written, of the
//     same version; a put sends what the server has not verified yet; a listing
//     yields what is new; of a tree only the files that are not done are repeated.
//   - [Client.Mkdir], [Client.Remove], [Client.RemoveAll], [Client.Rename] and a
//     Put with a condition are not repeated once the server may have done them: the
//     error is an [*UnknownError]. [Client.MkdirAll] and a Put without one are, for
//     twice is the same as once.
//   - The wait before an attempt is half a second, more or less, and twice as long
//     each time, up to half a minute. What is achieved (a block, a file, an answer)
//     begins the count anew. The calls that wait for one attempt fail together,
//     and a later call may try again.
//   - [Dial] itself tries once, unless a server answers that another try may help.
//
// # Slow readers
//
// Replies share one stream of bytes, so a caller that takes its reply slowly
// could hold up the others. The rule is:
//
//   - A [Client.Get] holds up to 4 MiB that its writer has not yet taken. After
//     that the connection waits for the writer: a tenth of a second if other
//     calls are open, ten seconds if none is. Then that transfer is cancelled on
//     the wire, and asked for again from where it stopped when the writer has
//     caught up. A file that changed in between is ErrChanged.
//   - A listing holds 1 MiB while no other call is open, and up to 256 MiB
//     (millions of entries) while others are; one that is further behind fails
//     with ErrTooLarge.
//
// So a writer, a reader or the body of a loop over a listing may itself call
// the same Client, and nothing of this can deadlock.
package client
