package client

import (
	"encoding/binary"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"ftpd/protocol"
)

// fingerprint tells a file of this machine from every other, and its present
// version from any other one, as PUT has it. The source is 0 where that cannot be
// known.
func fingerprint(path string, info fs.FileInfo) (source, version uint64) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return 0, 0
	}
	b := append([]byte(hostName()), 0)
	b = append(b, absolute...)
	source = max(1, number(b))
	b = binary.BigEndian.AppendUint64(b[:0], uint64(info.Size()))
	b = binary.BigEndian.AppendUint64(b, uint64(info.ModTime().UnixNano()))
	return source, number(appendInode(b, info))
}

func number(b []byte) uint64 {
	digest := protocol.BlockDigest(b)
	return binary.BigEndian.Uint64(digest[:])
}

var hostName = sync.OnceValue(func() string {
	name, _ := os.Hostname() // files of a machine without a name are told apart by the rest
	return name
})
