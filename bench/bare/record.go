//go:build linux

package main

import (
	"encoding/binary"

	"github.com/zeebo/xxh3"
)

// block is what of a file is sent, verified and written at once, in bytes.
const block = 256 << 10

type kind uint8

const (
	directory kind = iota + 1 // what follows is in it; its name is a path below the target
	whole                     // a file of at most a block
	piece                     // a block of the file that was named last
	end                       // of all
)

// record goes before a name and bytes.
type record struct {
	kind   kind
	name   uint16 // length
	mode   uint16
	length uint32
	offset int64
	mtime  int64 // in ns
	digest xxh3.Uint128
}

// recordLen is the length of a record, in bytes.
const recordLen = 41

func (r *record) put(b []byte) {
	b[0] = byte(r.kind)
	binary.BigEndian.PutUint16(b[1:], r.name)
	binary.BigEndian.PutUint16(b[3:], r.mode)
	binary.BigEndian.PutUint32(b[5:], r.length)
	binary.BigEndian.PutUint64(b[9:], uint64(r.offset))
	binary.BigEndian.PutUint64(b[17:], uint64(r.mtime))
	binary.BigEndian.PutUint64(b[25:], r.digest.Hi)
	binary.BigEndian.PutUint64(b[33:], r.digest.Lo)
}

func (r *record) get(b []byte) {
	r.kind = kind(b[0])
	r.name = binary.BigEndian.Uint16(b[1:])
	r.mode = binary.BigEndian.Uint16(b[3:])
	r.length = binary.BigEndian.Uint32(b[5:])
	r.offset = int64(binary.BigEndian.Uint64(b[9:]))
	r.mtime = int64(binary.BigEndian.Uint64(b[17:]))
	r.digest = xxh3.Uint128{Hi: binary.BigEndian.Uint64(b[25:]), Lo: binary.BigEndian.Uint64(b[33:])}
}
