package main

import (
	"context"
	"io"
	"os"
	"time"
)

// readerFor returns a reader of f that ends when ctx does, or lost is called. A
// read of a pipe or a terminal cannot be called off: a goroutine stays in it
// until the process ends, and the transfer goes on without it.
func readerFor(ctx context.Context, f *os.File) (r io.Reader, lost func()) {
	info, err := f.Stat()
	if err == nil && info.Mode().IsRegular() {
		return f, func() {}
	}
	reader, writer := io.Pipe()
	go func() {
		_, failure := io.CopyBuffer(writer, struct{ io.Reader }{f}, make([]byte, 256<<10))
		if failure == nil && (err != nil || info.Mode()&(os.ModeNamedPipe|os.ModeSocket) != 0) {
			doubtEnd(ctx)
			failure = ctx.Err()
		}
		_ = writer.CloseWithError(failure) // never fails
	}()
	context.AfterFunc(ctx, func() { _ = reader.CloseWithError(ctx.Err()) }) // never fails
	return reader, func() { _ = reader.CloseWithError(io.ErrClosedPipe) }   // likewise; Put knows better why
}

// The end of a pipe is believed after a moment. Ctrl-C goes to whoever writes
// the pipe as well as to this process: they die, the pipe ends, and that can be
// seen before the signal is, so that a part would be stored as the whole. The
// kernel signals both within microseconds; the rest of the moment is for this
// process to handle its signal. It is many short waits and not one long, so
// that on a machine too busy to run this process the moment grows with what
// the signal takes.
const (
	doubtRounds = 10
	doubtRound  = 5 * time.Millisecond
)

// doubtEnd waits for that moment, or until ctx ends.
func doubtEnd(ctx context.Context) {
	for range doubtRounds {
		select {
		case <-ctx.Done():
			return
		case <-time.After(doubtRound):
		}
	}
}
