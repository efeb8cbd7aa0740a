package client

import (
	"time"

	"ftpd/protocol"
)

// limits are what a connection grants its callers and its server. They are
// fields so that a test need not send a quarter of a gigabyte.
type limits struct {
	// getAhead bounds what waits for the writer of one GET, in bytes of
	// buffers.
	getAhead int
	// listAhead is what a listing may be ahead of its reader while no other
	// call is open, in bytes.
	listAhead int
	// listMost is what it may be ahead in any case, in bytes.
	listMost int
	// listSeen is how many entries of a listing are remembered, to begin it again. Each
	// takes some 40 bytes.
	listSeen int
	// otherMost bounds what waits for the caller of any other request, which
	// has two short replies at most, in bytes.
	otherMost int
	// lateMost bounds what a server may send for a request after CANCEL, in
	// bytes; what was on its way is less.
	lateMost int
	// patience is how long the reader waits for a slow caller while others
	// wait for the reader.
	patience time.Duration
	// patienceAlone is the same while no other call is open. A server gives
	// up on a client that takes nothing for a minute.
	patienceAlone time.Duration
	// pingAfter is the silence after which, and before half as long again, a
	// PING shows the server that a client which has nothing to send yet is
	// there. A server gives up on a silent one after a minute, whatever this
	// side's timeout is.
	pingAfter time.Duration
	// typing is how long a connection is kept while a password is typed, for a server
	// waits for a login only so long. After that another is dialled.
	typing time.Duration
	// closeWait bounds what Close waits for.
	closeWait time.Duration
	// bulkTurn is how long a worker may take for a batch of small files before it
	// leaves the rest to others.
	bulkTurn time.Duration
	// lastWords is how long a server that takes no more bytes may still say
	// why.
	lastWords time.Duration
}

func defaultLimits() limits {
	return limits{
		getAhead:      16 * protocol.BlockBuffer,
		listAhead:     1 << 20,
		listMost:      256 << 20,
		listSeen:      4 << 20,
		otherMost:     64 << 10,
		lateMost:      64 << 20,
		patience:      100 * time.Millisecond,
		patienceAlone: 10 * time.Second,
		pingAfter:     20 * time.Second,
		typing:        2 * time.Second,
		closeWait:     5 * time.Second,
		bulkTurn:      time.Millisecond,
		lastWords:     time.Second,
	}
}
