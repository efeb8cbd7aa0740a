package session

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"

	"ftpd/protocol"
	"ftpd/server/storage"
)

// readBlock reads n bytes of a file into a DATA frame at the start of frame
// and returns their digest.
func readBlock(file storage.File, frame []byte, id uint32, offset uint64, n int, trust trust) (protocol.Digest, error) {
	bytes := frame[protocol.DataOverhead:][:n]
	if err := readFull(file, bytes, offset); err != nil {
		return protocol.Digest{}, err
	}
	digest := trust.digest(file, int64(offset/protocol.BlockSize), bytes)
	protocol.PutDataHeader(frame, id, offset, digest, n)
	return digest, nil
}

// trust says whether the digest of a piece that was read is taken from what storage
// knows of the file.
type trust uint8

const (
	noBlock trust = iota // it is only a part of a block, of which storage knows nothing
	anew                 // it is computed, and storage told
	known                // it is computed only where storage does not know it
)

// doubt is how many digests that are known GETs use for each that they compute anew.
//
// A digest is wrong where a file has changed and its times have not: by a fault of the
// disk, or by a mapping that was written to. Its block then arrives damaged at every
// client, until somebody looks. So the first piece of every GET is computed anew, which
// is where a client goes on behind the last block that was right, or fetches one
// alone, and now and then another one; what does not match is forgotten.
const doubt = 16

// trustIn tells it of the piece from offset to end of a file of size bytes.
func trustIn(offset, end, size uint64, first bool) trust {
	switch {
	case offset%protocol.BlockSize != 0 || end != protocol.BlockEnd(offset, size):
		return noBlock
	case first || rand.N(doubt) == 0:
		return anew
	}
	return known
}

// digest returns the digest of bytes, which are a block of a file or a part of one.
func (t trust) digest(file storage.File, block int64, bytes []byte) protocol.Digest {
	if t == known {
		if digest, ok := file.Recall(block); ok {
			return protocol.Digest(digest)
		}
	}
	digest := protocol.BlockDigest(bytes)
	if t != noBlock {
		file.Remember(block, storage.Digest(digest))
	}
	return digest
}

// readFull fills p. A file that ends early has shrunk since it was opened.
func readFull(file storage.File, p []byte, offset uint64) error {
	n, err := file.ReadAt(p, int64(offset))
	switch {
	case n == len(p):
		return nil
	case errors.Is(err, io.EOF):
		return fmt.Errorf("the file %w: it has become shorter", storage.ErrChanged)
	}
	return err
}

// unchanged checks that a file is still the version it was.
func unchanged(file storage.File, etag uint64) error {
	info, err := file.Stat()
	if err == nil && info.ETag != etag {
		err = fmt.Errorf("the file %w: it was written to meanwhile, or given other attributes", storage.ErrChanged)
	}
	return err
}

func endOf(tree *protocol.Tree, etag uint64) protocol.End {
	return protocol.End{Size: tree.Size(), ETag: protocol.ETag(etag), Algorithm: protocol.XXH3Tree, Digest: tree.Sum()}
}
