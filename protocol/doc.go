// Package protocol is the wire of ftpd: bytes in, values out. It performs no
// I/O and reads no clock; server and client share it, and SPEC.md beside it is
// its normative description.
//
// A connection is a sequence of frames in each direction. [Decoder] cuts bytes
// into frames and checks each header before anything is allocated for its
// payload; [Decode] turns a frame into a message; [Append] turns a message
// into a frame. Every integer is big-endian.
package protocol
