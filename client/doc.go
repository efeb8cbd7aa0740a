// Package client gets, puts and lists files on an ftpd server.
//
//	c, err := client.Dial(ctx, "files.example:2120", nil)
//	if err != nil {
//		return err
//	}
//	defer c.Close()
//	result, err := c.GetFile(ctx, "album/photo.jpg", "photo.jpg", nil)
//
// A [Client] is one connection. Its methods block, may be called from any
// number of goroutines, and share the connection: requests are pipelined, and
// as many are in flight as both sides allow. Every block that arrives is
// verified before it is handed on, and every file before it gets its name.
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
