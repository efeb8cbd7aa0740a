package client

// Progress is told how a transfer goes. Its methods are called often and from
// many goroutines, so they must be cheap: add to an atomic counter, and let
// another goroutine show it.
type Progress interface {
	// Expect tells of so many more files with so many more bytes in all. Of a
	// file whose size is unknown no bytes are announced, and fewer than none
	// where less will come than was announced, as when a file is resumed.
	Expect(files int, bytes int64)
	// Moved tells that so many more bytes were verified, or sent.
	Moved(bytes int64)
	// Done tells that so many more files are finished, well or not.
	Done(files int)
}

type noProgress struct{}

func (noProgress) Expect(int, int64) {}
func (noProgress) Moved(int64)       {}
func (noProgress) Done(int)          {}

func progressOr(p Progress) Progress {
	if p == nil {
		return noProgress{}
	}
	return p
}
