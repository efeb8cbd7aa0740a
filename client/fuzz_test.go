package client

import (
	"bytes"
	"context"
	"io"
	"net"
	"path"
	"strings"
	"testing"

	"ftpd/protocol"
)

// FuzzJournal holds that a journal, whatever it has come to, is refused or is that of
// the origin that it tells of, and that of a part file no block counts that its digest is
// not of.
func FuzzJournal(f *testing.F) {
	part := bytesOf(2*bs + 5)
	digests := func(n int) (b []byte) {
		for i := range n {
			digest := protocol.BlockDigest(part[i*bs:][:bs])
			b = append(b, digest[:]...)
		}
		return b
	}
	head := someOrigin.head()
	f.Add(append(head, digests(2)...), 0, byte(0), int64(5))
	f.Add(append(head, digests(1)[:9]...), 3, byte(1), int64(5))
	f.Add(head[:20], 12, byte(0xff), int64(0))
	f.Fuzz(func(t *testing.T, journal []byte, at int, flip byte, limit int64) {
		if len(journal) > 0 && at >= 0 {
			journal[at%len(journal)] ^= flip
		}
		r := bytes.NewReader(journal)
		o, length, err := readHead(r)
		if err != nil {
			return
		}
		if again := o.head(); !bytes.Equal(again, journal[:length]) {
			t.Fatalf("the head %x is that of %+v, and that of it %x", journal[:length], o, again)
		}
		for _, doubted := range []io.Reader{nil, bytes.NewReader(part)} {
			var tree protocol.Tree
			_, _ = r.Seek(length, io.SeekStart) // it never fails
			blocks := replay(r, doubted, limit, &tree)
			if blocks < 0 || blocks > max(0, limit) || tree.Size() != uint64(blocks)*bs {
				t.Fatalf("%d blocks of at most %d, a tree of %d bytes", blocks, limit, tree.Size())
			}
			if doubted != nil && !bytes.Equal(digests(min(2, int(blocks))), journal[length:][:16*blocks]) {
				t.Fatalf("%d blocks count that the part file does not have", blocks)
			}
		}
	})
}

// FuzzGlob holds that a pattern is refused, or matches names as the rules say: itself
// where it has no wildcard, and every name where it is "**".
func FuzzGlob(f *testing.F) {
	for _, seed := range [][2]string{
		{"a/b", "a/b"}, {"*.txt", "a.txt"}, {"**/x", "a/b/x"}, {"[!a-z]", "B"}, {"[]a]", "]"}, {`\*`, "*"},
		{"[", "["}, {"[a-", "a"}, {"**/**/**/*", "a/b"}, {"a\\", "a"}, {"[^]]", "x"}, {"?/\xff", "a/\xff"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if len(pattern)+len(name) > 1000 {
			return
		}
		names := strings.Split(name, "/")
		parts, err := globParts(pattern)
		if err != nil {
			return
		}
		for _, part := range parts {
			if _, err := path.Match(part, name); err != nil {
				t.Fatalf("%q has the part %q, which is refused later", pattern, part)
			}
		}
		matches := matchParts(parts, names)
		if !strings.ContainsAny(pattern, `*?[\`) && matches != (strings.Join(parts, "/") == name) {
			t.Fatalf("%q without wildcards matches %q: %v", pattern, name, matches)
		}
		if !matchParts(append([]string{"**"}, parts...), append([]string{"above"}, names...)) && matches {
			t.Fatalf("%q matches %q, and not below a directory", pattern, name)
		}
		if !matchParts([]string{"**"}, names) {
			t.Fatalf("** does not match %q", name)
		}
	})
}

// FuzzServer holds that a client lives through anything that a server says once it has
// greeted: every call returns, and none has bytes that were not verified.
func FuzzServer(f *testing.F) {
	block := []byte("some content")
	meta := protocol.Append(nil, 1, protocol.Meta{Kind: protocol.File, Size: uint64(len(block)), ETag: 1})
	data := protocol.Append(nil, 1, protocol.Data{Digest: protocol.BlockDigest(block), Bytes: block})
	var tree protocol.Tree
	tree.Add(protocol.BlockDigest(block), len(block))
	end := protocol.Append(nil, 1, protocol.End{Size: tree.Size(), ETag: 1, Algorithm: protocol.XXH3Tree, Digest: tree.Sum()})
	for _, seed := range [][]byte{
		bytes.Join([][]byte{meta, data, end}, nil),
		protocol.Append(nil, 1, protocol.Ready{}),
		protocol.Append(nil, 1, protocol.OK{Count: 3}),
		protocol.Append(nil, 1, protocol.Error{Code: protocol.NotFound, Message: "x"}),
		protocol.Append(nil, 0, protocol.Goaway{Code: protocol.ShuttingDown}),
		protocol.Append(nil, 0, protocol.Error{Code: protocol.Busy}),
		append(meta, end...),
		[]byte("HTTP/1.1 400 Bad Request\r\n"),
	} {
		for call := range byte(5) {
			f.Add(seed, call)
		}
	}
	f.Fuzz(func(t *testing.T, said []byte, call byte) {
		near, far := net.Pipe()
		go func() {
			defer far.Close()
			go func() { _, _ = io.Copy(io.Discard, far) }()
			_, _ = far.Write(append(protocol.Append(nil, 0, protocol.Welcome{InFlight: 8, BlockSize: protocol.BlockSize}), said...))
		}()
		c, err := Dial(context.Background(), "fuzz:1", &Options{Dial: func(context.Context, string, string) (net.Conn, error) { return near, nil }})
		if err != nil {
			return
		}
		defer c.Close()
		switch call % 5 {
		case 0:
			var b bytes.Buffer
			got, err := c.Get(t.Context(), "f", &b, nil)
			var tree protocol.Tree
			for rest := b.Bytes(); len(rest) > 0; {
				n := min(len(rest), bs)
				tree.Add(protocol.BlockDigest(rest[:n]), n)
				rest = rest[n:]
			}
			if err == nil && (got.Size != int64(b.Len()) || got.Digest != tree.Sum()) {
				t.Fatalf("%d bytes came as %+v", b.Len(), got)
			}
		case 1:
			_, _ = c.Put(t.Context(), "f", bytes.NewReader(make([]byte, bs+1)), nil)
		case 2:
			_, _ = c.Put(t.Context(), "f", strings.NewReader("abc"), nil)
		case 3:
			for _, err := range c.List(t.Context(), "", ListOptions{Recursive: true}) {
				if err != nil {
					break
				}
			}
		case 4:
			_, _ = c.Stat(t.Context(), "f")
			_, _ = c.Sum(t.Context(), "f")
		}
	})
}
