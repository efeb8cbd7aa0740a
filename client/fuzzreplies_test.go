package client

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"ftpd/protocol"
)

// FuzzReplies has a server that answers every call of a client as it should, but for
// some frames: those come twice, for another request, or others come in their place. Every
// call returns in time, with an error of the library's own; none has bytes that were
// not verified; and nothing is written beside the target.
func FuzzReplies(f *testing.F) {
	for i := range uint64(80) {
		random := rand.New(rand.NewPCG(i, 7))
		program := make([]byte, 10+4*i)
		for k := range program {
			program[k] = byte(random.Uint32())
		}
		f.Add(program, byte(i))
	}
	f.Fuzz(func(t *testing.T, program []byte, call byte) {
		near, far := net.Pipe()
		var group sync.WaitGroup
		defer group.Wait()
		asked := make(chan protocol.Frame, 1024)
		s := &evilServer{program: program, conn: far}
		group.Go(func() { s.listen(asked) })
		group.Go(func() { s.speak(asked) })
		dialled := false
		dial := func(context.Context, string, string) (net.Conn, error) {
			if dialled {
				return nil, errors.New("once")
			}
			dialled = true
			return near, nil
		}
		ctx := limit(t)
		c, err := Dial(ctx, "fuzz:1", &Options{Dial: dial})
		if err != nil {
			_ = near.Close()
			return
		}
		defer c.Close()
		err = evilCalls[int(call)%len(evilCalls)](ctx, t, c)
		if ctx.Err() != nil {
			t.Fatal("the call did not return")
		}
		wantOwn(t, err)
	})
}

// wantOwn checks that an error is one of this package's.
func wantOwn(t *testing.T, err error) {
	t.Helper()
	_, ofServer := errors.AsType[*Error](err)
	_, ofNetwork := errors.AsType[*NetworkError](err)
	_, local := errors.AsType[*LocalError](err)
	if err != nil && !ofServer && !ofNetwork && !local {
		t.Fatalf("%T: %v", err, err)
	}
}

// evilServer answers as its program lets it.
type evilServer struct {
	program []byte
	conn    net.Conn
	evil    bool // something else was said in place of an answer
}

// listen reads what the client sends.
func (s *evilServer) listen(asked chan<- protocol.Frame) {
	defer close(asked)
	d := protocol.NewDecoder(protocol.Client)
	d.Attach(make([]byte, protocol.BlockBuffer))
	for {
		f, ok, err := d.Next()
		if ok && f.Opcode != protocol.OpData && f.Opcode != protocol.OpHello {
			f.Payload = bytes.Clone(f.Payload)
			asked <- f
		}
		if ok {
			continue
		}
		n, readErr := s.conn.Read(d.Space())
		d.Advance(n)
		if err != nil || n == 0 && readErr != nil {
			return
		}
	}
}

// speak greets, and answers until its program ends; then it hangs up.
func (s *evilServer) speak(asked <-chan protocol.Frame) {
	defer func() {
		_ = s.conn.Close()
		for range asked { // so that listen ends
		}
	}()
	ok := s.say(protocol.Append(nil, 0, protocol.Welcome{InFlight: 8, BlockSize: protocol.BlockSize}))
	for f := range asked {
		s.evil = false
		for _, right := range s.answer(f) {
			ok = ok && len(s.program) > 0 && s.sayOrNot(f.Request, right)
		}
		if s.evil { // it ends here, if it has not yet: nobody waits for an answer that does not come
			ok = ok && s.say(protocol.Append(nil, f.Request, protocol.Error{Code: protocol.IO}))
		}
		if !ok {
			return
		}
	}
}

// sayOrNot says a frame, or something else.
func (s *evilServer) sayOrNot(id uint32, right []byte) bool {
	switch n := s.byte(); {
	case n < 200:
		return s.say(right)
	case n < 205:
		return s.say(append(right, right...))
	case n < 210: // where that one waits too, it has its answer, and this one none
		s.evil = true
		binary.BigEndian.PutUint32(right[4:], id+1)
		return s.say(protocol.Seal(right))
	case n < 215:
		s.evil = true
		return true
	default:
		s.evil = true
		return s.say(s.frame(id))
	}
}

// answer makes the right answer to a frame of the client.
func (s *evilServer) answer(f protocol.Frame) [][]byte {
	id := f.Request
	switch f.Opcode {
	case protocol.OpStat:
		m, err := protocol.Decode[protocol.Stat](f)
		meta := metaOfFile(contentOf(m.Path))
		if err == nil && strings.HasPrefix(m.Path, "d") && len(m.Path) < 3 {
			meta.Kind = protocol.Directory
		}
		return [][]byte{protocol.Append(nil, id, meta)}
	case protocol.OpGet:
		m, _ := protocol.Decode[protocol.Get](f)
		return fileFrames(id, contentOf(m.Path), m.Offset, m.Length)
	case protocol.OpSum:
		content := contentOf("f")
		return [][]byte{protocol.Append(nil, id, protocol.End{Size: uint64(len(content)), ETag: 7, Algorithm: protocol.XXH3Tree, Digest: treeOf(content)})}
	case protocol.OpList:
		m := s.entries()
		return [][]byte{protocol.Append(nil, id, m), protocol.Append(nil, id, protocol.OK{Count: uint64(len(m.List))})}
	case protocol.OpPut:
		if f.Flags&protocol.PutEager != 0 {
			return nil
		}
		return [][]byte{protocol.Append(nil, id, protocol.Ready{})}
	case protocol.OpEnd:
		m, _ := protocol.Decode[protocol.End](f)
		return [][]byte{protocol.Append(nil, id, protocol.OK{Count: m.Size, ETag: 9})}
	case protocol.OpMkdir, protocol.OpRemove, protocol.OpRename:
		return [][]byte{protocol.Append(nil, id, protocol.OK{Count: 1})}
	}
	return nil
}

// contentOf is the file of a path: a small or a large one.
func contentOf(path string) []byte { return evilContents[len(path)%3] }

var evilContents = [][]byte{bytesOf(5), bytesOf(bs + 9), bytesOf(bs)}

// fileFrames are the right answer to a GET.
func fileFrames(id uint32, content []byte, offset, length uint64) [][]byte {
	frames := [][]byte{protocol.Append(nil, id, metaOfFile(content))}
	var tree protocol.Tree
	size := uint64(len(content))
	if length < size-min(offset, size) {
		size = offset + length
	}
	for offset < size {
		end := protocol.BlockEnd(offset, size)
		m := protocol.Data{Offset: offset, Digest: protocol.BlockDigest(content[offset:end]), Bytes: content[offset:end]}
		frames = append(frames, protocol.Append(nil, id, m))
		tree.Add(m.Digest, len(m.Bytes))
		offset = end
	}
	return append(frames, protocol.Append(nil, id, protocol.End{Size: tree.Size(), ETag: 7, Algorithm: protocol.XXH3Tree, Digest: tree.Sum()}))
}

func (s *evilServer) say(b []byte) bool {
	_, err := s.conn.Write(b)
	return err == nil
}

func (s *evilServer) byte() byte {
	if len(s.program) == 0 {
		return 0
	}
	b := s.program[0]
	s.program = s.program[1:]
	return b
}

func chosen[T any](s *evilServer, values ...T) T { return values[int(s.byte())%len(values)] }

// frame makes a frame for a request.
func (s *evilServer) frame(id uint32) []byte {
	switch s.byte() % 10 {
	case 0, 1:
		m := metaOfFile(contentOf("f"))
		m.Kind = chosen(s, protocol.File, protocol.Directory, protocol.Symlink, protocol.Special)
		m.Size = chosen[uint64](s, 0, 5, bs, math.MaxInt64)
		m.Target = s.name()
		return protocol.Append(nil, id, m)
	case 2, 3:
		b := contentOf("f")[:chosen(s, 5, bs, 1)]
		m := protocol.Data{Offset: chosen[uint64](s, 0, bs, 2*bs, math.MaxInt64-bs+1), Digest: protocol.BlockDigest(b), Bytes: b}
		m.Digest[0] ^= s.byte() & 1
		return protocol.Append(nil, id, m)
	case 4:
		m := protocol.End{Size: chosen[uint64](s, 0, 5, bs, math.MaxInt64), ETag: 7, Algorithm: protocol.XXH3Tree, Digest: treeOf(contentOf("f"))}
		m.Digest[0] ^= s.byte() & 1
		return protocol.Append(nil, id, m)
	case 5:
		return protocol.Append(nil, id, protocol.OK{Count: chosen[uint64](s, 1, 0, 3, 2*bs, math.MaxUint64)})
	case 6:
		return protocol.Append(nil, id, protocol.Error{Code: protocol.Code(1 + s.byte()%25), Retry: s.byte()&1 == 1, Message: s.name()})
	case 7:
		return protocol.Append(nil, id, protocol.Ready{Flags: protocol.Flags(s.byte() & 7), Offset: chosen[uint64](s, 0, bs, 2*bs, 1<<40)})
	case 8:
		if s.byte()&1 == 0 {
			return protocol.Append(nil, 0, protocol.Goaway{Code: protocol.Busy, Message: s.name()})
		}
		return protocol.Append(nil, id, s.entries())
	default:
		return s.wild(id)
	}
}

func (s *evilServer) name() string {
	return chosen(s, "f", "d", "d/f", "../canary", "/canary", "..", "a\x00b", "esc\x1b[2J", "", ".ftpc-x", "d/../../canary", "CON", strings.Repeat("x", 300), "l")
}

func (s *evilServer) entries() (m protocol.Entries) {
	for range s.byte() % 5 {
		name := s.name()
		e := protocol.Entry{Path: name, Meta: metaOfFile(contentOf("d/" + name))}
		e.Kind = chosen(s, protocol.File, protocol.Directory, protocol.Symlink)
		if s.byte()%8 == 7 {
			e.Code = protocol.Permission
		}
		m.List = append(m.List, e)
	}
	return m
}

// wild makes a frame of any opcode, flags and payload, with checks that are right.
func (s *evilServer) wild(id uint32) []byte {
	n := min(int(s.byte()), len(s.program))
	b := []byte{protocol.Version, 0x20 + s.byte()%0x30, 0, s.byte() % 8, 0, 0, 0, byte(id), 0, 0, 0, byte(n)}
	b = append(b, make([]byte, protocol.HeaderLen-len(b))...)
	n = min(n, len(s.program))
	b[11] = byte(n)
	b = append(b, s.program[:n]...)
	s.program = s.program[n:]
	return protocol.Seal(b)
}

// evilCalls are what a client may want of such a server.
var evilCalls = []func(ctx context.Context, t *testing.T, c *Client) error{
	func(ctx context.Context, t *testing.T, c *Client) error {
		var b bytes.Buffer
		got, err := c.Get(ctx, "f", &b, nil)
		if err == nil && (got.Size != int64(b.Len()) || got.Digest != treeOf(b.Bytes())) {
			t.Fatalf("%d bytes came as %+v", b.Len(), got)
		}
		return err
	},
	func(ctx context.Context, t *testing.T, c *Client) error {
		return besideCanary(t, func(dir string) error {
			_, err := c.GetFile(ctx, "f", filepath.Join(dir, "f"), nil)
			if _, missing := os.Lstat(filepath.Join(dir, "f")); (err == nil) != (missing == nil) {
				t.Fatalf("the error is %v, and the file: %v", err, missing)
			}
			return err
		})
	},
	func(ctx context.Context, t *testing.T, c *Client) error {
		return besideCanary(t, func(dir string) error {
			_, err := c.GetTree(ctx, "d", filepath.Join(dir, "d"), &TransferOptions{Workers: 2, Links: CopyLinks})
			return err
		})
	},
	func(ctx context.Context, _ *testing.T, c *Client) error {
		_, err := c.Put(ctx, "f", strings.NewReader("abc"), nil)
		return err
	},
	func(ctx context.Context, _ *testing.T, c *Client) error {
		_, err := c.Put(ctx, "f", bytes.NewReader(make([]byte, 2*bs)), nil)
		return err
	},
	func(ctx context.Context, _ *testing.T, c *Client) error {
		for _, err := range c.List(ctx, "d", ListOptions{Recursive: true}) {
			if err != nil {
				return err
			}
		}
		return nil
	},
	func(ctx context.Context, _ *testing.T, c *Client) error {
		_, err := c.Stat(ctx, "f")
		_, sumErr := c.Sum(ctx, "f")
		return errors.Join(err, sumErr)
	},
	func(ctx context.Context, _ *testing.T, c *Client) error {
		_, err := c.RemoveAll(ctx, "d")
		return errors.Join(err, c.Rename(ctx, "f", "g", nil), c.MkdirAll(ctx, "e", 0o755))
	},
	func(ctx context.Context, _ *testing.T, c *Client) error {
		for _, err := range c.Glob(ctx, "d/*") {
			if err != nil {
				return err
			}
		}
		return nil
	},
}

// besideCanary has a call write to a directory, and checks what lies beside that.
func besideCanary(t *testing.T, do func(dir string) error) error {
	t.Helper()
	parent := t.TempDir()
	canary := filepath.Join(parent, "canary")
	if err := errors.Join(os.WriteFile(canary, []byte("alive"), 0o600), os.Mkdir(filepath.Join(parent, "dir"), 0o700)); err != nil {
		t.Fatal(err)
	}
	err := do(filepath.Join(parent, "dir"))
	if b, readErr := os.ReadFile(canary); readErr != nil || string(b) != "alive" {
		t.Fatalf("the canary is %q, %v", b, readErr)
	}
	if list, readErr := os.ReadDir(parent); readErr != nil || len(list) != 2 {
		t.Fatalf("beside the target are %v, %v", list, readErr)
	}
	return err
}
