package client

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"

	"ftpd/protocol"
)

// A journal tells what a part file holds, so that a later run goes on behind
// it. It is a head, which is written before the first byte of the part file:
//
//	8      "ftpcjnl" and the version, 1
//	2      length of what follows up to the digest
//	8      size of the file on the server
//	8      its etag
//	2, n   boot of the machine that wrote it (bootID)
//	2, n   address of the server
//	2, n   path there
//	16     XXH3-128 of all that
//
// and behind it the digest of each whole block, appended when the block was
// verified and written. A digest that is not whole is the end. Where the
// machine has been started anew since, the digests are compared with the part
// file first: they may have reached the disk when the blocks did not.
const (
	journalMagic = "ftpcjnl\x01"
)

// origin is the version of a file that a part file is a part of.
type origin struct {
	address string // host and port
	path    string
	size    int64 // in bytes
	etag    uint64
	boot    string // empty where the system does not tell
}

// sameFile tells whether both are of one path, in whatever version.
func (o *origin) sameFile(other *origin) bool {
	return o.address == other.address && o.path == other.path
}

// head returns the beginning of a journal.
func (o *origin) head() []byte {
	var fields []byte
	fields = binary.BigEndian.AppendUint64(fields, uint64(o.size))
	fields = binary.BigEndian.AppendUint64(fields, o.etag)
	for _, text := range []string{o.boot, o.address, o.path} {
		fields = binary.BigEndian.AppendUint16(fields, uint16(len(text)))
		fields = append(fields, text...)
	}
	b := []byte(journalMagic)
	b = binary.BigEndian.AppendUint16(b, uint16(len(fields)))
	b = append(b, fields...)
	digest := protocol.BlockDigest(b)
	return append(b, digest[:]...)
}

// errJournal is a journal that was not written by this version, or not to the
// end of its head.
var errJournal = errors.New("not a journal of this version")

// readHead reads the beginning of a journal and returns its length too.
func readHead(r io.Reader) (o origin, length int64, err error) {
	start := make([]byte, len(journalMagic)+2)
	if _, err := io.ReadFull(r, start); err != nil || string(start[:len(journalMagic)]) != journalMagic {
		return o, 0, errJournal
	}
	n := int(binary.BigEndian.Uint16(start[len(journalMagic):]))
	rest := make([]byte, n+protocol.DigestLen)
	if _, err := io.ReadFull(r, rest); err != nil {
		return o, 0, errJournal
	}
	fields, sum := rest[:n], rest[n:]
	digest := protocol.BlockDigest(append(bytes.Clone(start), fields...))
	if !bytes.Equal(sum, digest[:]) || !o.decode(fields) {
		return o, 0, errJournal
	}
	return o, int64(len(start) + len(rest)), nil
}

// decode takes the fields of a head, and reports whether they are that.
func (o *origin) decode(b []byte) bool {
	if len(b) < 16 {
		return false
	}
	o.size, o.etag = int64(binary.BigEndian.Uint64(b)), binary.BigEndian.Uint64(b[8:])
	b = b[16:]
	for _, text := range []*string{&o.boot, &o.address, &o.path} {
		if len(b) < 2 || len(b)-2 < int(binary.BigEndian.Uint16(b)) {
			return false
		}
		end := 2 + int(binary.BigEndian.Uint16(b))
		*text, b = string(b[2:end]), b[end:]
	}
	return len(b) == 0 && o.size > protocol.BlockSize && o.etag != 0
}

// fits tells whether a head can hold the origin.
func (o *origin) fits() bool { return len(o.address)+len(o.path)+len(o.boot) < 1<<15 }

// replay reads the digests of at most limit blocks into tree, up to the first
// that part does not have; a nil part is trusted to have them. It returns how
// many there are.
func replay(journal, part io.Reader, limit int64, tree *protocol.Tree) (blocks int64) {
	digests := bufio.NewReaderSize(journal, 64<<10)
	var block []byte
	if part != nil {
		block = make([]byte, protocol.BlockSize)
	}
	for blocks < limit {
		var digest protocol.Digest
		if _, err := io.ReadFull(digests, digest[:]); err != nil {
			break
		}
		if part != nil {
			if _, err := io.ReadFull(part, block); err != nil || protocol.BlockDigest(block) != digest {
				break
			}
		}
		tree.Add(digest, protocol.BlockSize)
		blocks++
	}
	return blocks
}
