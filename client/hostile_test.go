package client

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"ftpd/protocol"
)

func fsMode(code protocol.Code) fs.FileMode { return fs.FileMode(code) }

func checkFsErrors(t *testing.T, err error, code protocol.Code) {
	t.Helper()
	for want, match := range map[protocol.Code]error{
		protocol.NotFound: fs.ErrNotExist, protocol.Exists: fs.ErrExist, protocol.Permission: fs.ErrPermission,
	} {
		if got := errors.Is(err, match); got != (code == want) {
			t.Errorf("%s: errors.Is(err, %v) is %t", code, match, got)
		}
	}
}

// calls are what a test does with a hostile server.
var (
	callStat = func(ctx context.Context, c *Client) error {
		_, err := c.Stat(ctx, "a")
		return err
	}
	callSum = func(ctx context.Context, c *Client) error {
		_, err := c.Sum(ctx, "a")
		return err
	}
	callGet = func(ctx context.Context, c *Client) error {
		_, err := c.Get(ctx, "a", io.Discard, nil)
		return err
	}
	callRange = func(ctx context.Context, c *Client) error {
		_, err := c.Get(ctx, "a", io.Discard, &GetOptions{Offset: 10, Length: 20})
		return err
	}
	callPut = func(ctx context.Context, c *Client) error {
		_, err := c.Put(ctx, "a", strings.NewReader("small"), nil)
		return err
	}
	callPutBig = func(ctx context.Context, c *Client) error {
		_, err := c.Put(ctx, "a", bytes.NewReader(make([]byte, protocol.BlockSize+1)), nil)
		return err
	}
	callPutSlow = func(ctx context.Context, c *Client) error {
		blocks := 0
		_, err := c.Put(ctx, "a", readerFunc(func(b []byte) (int, error) {
			if blocks++; blocks > 2 {
				<-only(c).dead
			}
			return len(b), nil
		}), nil)
		return err
	}
	callList = func(ctx context.Context, c *Client) error {
		for _, err := range c.List(ctx, "a", ListOptions{}) {
			if err != nil {
				return err
			}
		}
		return nil
	}
)

const bs = protocol.BlockSize

// get is a script that answers a GET with the start of a file of size bytes,
// and then does as it likes.
func get(size uint64, then func(p *peer, id uint32)) func(p *peer) {
	return func(p *peer) {
		f := p.expect(protocol.OpGet)
		p.send(f.Request, protocol.Meta{Kind: protocol.File, Size: size, ETag: 7})
		then(p, f.Request)
		p.drain()
	}
}

// first is a script that gets a request of any kind, and then does as it
// likes.
func first(then func(p *peer, id uint32)) func(p *peer) {
	return func(p *peer) {
		f, _ := p.next()
		then(p, f.Request)
		p.drain()
	}
}

// header is that of a frame of request 1, with its checks.
func header(version, opcode byte, length uint32) []byte {
	b := binary.BigEndian.AppendUint32([]byte{version, opcode, 0, 0, 0, 0, 0, 1}, length)
	return protocol.Seal(append(b, make([]byte, 8)...))
}

func end(b []byte) protocol.End {
	return protocol.End{Size: uint64(len(b)), ETag: 7, Algorithm: protocol.XXH3Tree, Digest: treeOf(b)}
}

// hostile is one thing that a server should not do.
type hostile struct {
	name   string
	script func(p *peer)
	call   func(context.Context, *Client) error
	want   error
	usable bool // the connection is, afterwards
}

// hostileConnections break a connection.
func hostileConnections() []hostile {
	return []hostile{
		{"wrong tag", first(func(p *peer, id uint32) { p.send(id+1, protocol.Meta{Kind: protocol.File}) }), callStat, ErrProtocol, false},
		{"reply without a request", first(func(p *peer, _ uint32) { p.send(99, protocol.OK{}) }), callStat, ErrProtocol, false},
		{"two final replies", first(func(p *peer, id uint32) {
			p.send(id, protocol.OK{})
			p.send(id, protocol.OK{})
			p.drain()
		}), func(ctx context.Context, c *Client) error {
			_ = c.Mkdir(ctx, "a", 0)
			_, err := c.Ping(ctx)
			return err
		}, ErrProtocol, false},
		{"wrong kind of reply", first(func(p *peer, id uint32) { p.send(id, protocol.OK{}) }), callStat, ErrProtocol, false},
		{"READY to a GET", first(func(p *peer, id uint32) { p.send(id, protocol.Ready{}) }), callGet, ErrProtocol, false},
		{"frame of the other side", first(func(p *peer, id uint32) { p.send(id, protocol.Stat{Path: "x"}) }), callStat, ErrProtocol, false},
		{"unknown opcode", first(func(p *peer, id uint32) { p.raw(header(1, 0x77, 0)) }), callStat, ErrProtocol, false},
		{"another version", first(func(p *peer, id uint32) { p.raw(header(2, 0x44, 0)) }), callStat, ErrUnsupported, false},
		{"oversize frame", first(func(p *peer, id uint32) { p.raw(header(1, 0x21, 1<<32-1)) }), callGet, ErrProtocol, false},
		{"a header with a flipped bit", first(func(p *peer, id uint32) {
			b := protocol.Append(nil, id, metaOfFile(nil))
			b[3] ^= 1
			p.raw(b)
		}), callStat, ErrIntegrity, false},
		{"a reply with a flipped bit", first(func(p *peer, id uint32) {
			b := protocol.Append(nil, id, metaOfFile(nil))
			b[protocol.HeaderLen+3] ^= 1
			p.raw(b)
		}), callStat, ErrIntegrity, false},
		{"random bytes", first(func(p *peer, id uint32) { p.raw([]byte("HTTP/1.1 400 Bad Request\r\n")) }), callStat, ErrUnsupported, false},
		{"META with a kind of its own", first(func(p *peer, id uint32) { p.send(id, protocol.Meta{Kind: 9}) }), callStat, ErrProtocol, false},
		{"END with another algorithm", get(0, func(p *peer, id uint32) { p.send(id, protocol.End{Algorithm: 3}) }), callGet, ErrProtocol, false},
		{"END of a GET by SHA-256", get(0, func(p *peer, id uint32) { p.send(id, protocol.End{Algorithm: protocol.SHA256}) }), callGet, ErrProtocol, false},
		{"END of a SUM by another algorithm", first(func(p *peer, id uint32) { p.send(id, protocol.End{Algorithm: protocol.SHA256}) }), callSum, ErrProtocol, false},
		{"error of the connection", first(func(p *peer, _ uint32) { p.fail(0, protocol.Busy) }), callStat, ErrBusy, false},
		{"PONG without PING", first(func(p *peer, _ uint32) { p.send(0, protocol.Pong{Position: p.sent, Content: make([]byte, 8)}) }), callStat, ErrProtocol, false},
		{"GOAWAY twice", first(func(p *peer, _ uint32) {
			p.send(0, protocol.Goaway{Code: protocol.Busy})
			p.send(0, protocol.Goaway{Code: protocol.Busy})
		}), callStat, ErrProtocol, false},
		{"hangs up", func(p *peer) { p.expect(protocol.OpStat) }, callStat, ErrNetwork, false},
		{"says nothing", first(func(*peer, uint32) {}), callStat, ErrTimeout, false},
		{"stops in the middle", get(2*bs, func(p *peer, id uint32) { p.data(id, 0, bytesOf(bs)) }), callGet, ErrTimeout, false},
		{"stops in a frame", first(func(p *peer, id uint32) { p.raw([]byte{1, 0x44, 0}) }), callStat, ErrTimeout, false},
	}
}

// hostileGets go wrong in answers to GET.
func hostileGets() []hostile {
	return []hostile{
		{"DATA before META", first(func(p *peer, id uint32) { p.data(id, 0, []byte("x")) }), callGet, ErrProtocol, true},
		{"END before META", first(func(p *peer, id uint32) { p.send(id, end(nil)) }), callGet, ErrProtocol, true},
		{"META twice", get(5, func(p *peer, id uint32) { p.send(id, metaOfFile(nil)) }), callGet, ErrProtocol, true},
		{"META of a directory", first(func(p *peer, id uint32) { p.send(id, protocol.Meta{Kind: protocol.Directory}) }), callGet, ErrProtocol, true},
		{"a block damaged time and again", get(4, func(p *peer, id uint32) {
			evil := protocol.Data{Digest: protocol.BlockDigest([]byte("good")), Bytes: []byte("evil")}
			for p.send(id, evil); ; p.send(id, evil) {
				f, ok := p.next()
				if !ok || f.Opcode != protocol.OpGet {
					return
				}
				id = f.Request
				p.send(id, metaOfFile(make([]byte, 4)))
			}
		}), callGet, ErrIntegrity, true},
		{"a gap", get(3*bs, func(p *peer, id uint32) {
			p.data(id, 0, bytesOf(bs))
			p.data(id, 2*bs, bytesOf(bs))
		}), callGet, ErrProtocol, true},
		{"a block again", get(3*bs, func(p *peer, id uint32) {
			p.data(id, 0, bytesOf(bs))
			p.data(id, 0, bytesOf(bs))
		}), callGet, ErrProtocol, true},
		{"a short block", get(3*bs, func(p *peer, id uint32) { p.data(id, 0, bytesOf(bs-1)) }), callGet, ErrProtocol, true},
		{"more than the size", get(5, func(p *peer, id uint32) { p.data(id, 0, bytesOf(6)) }), callGet, ErrProtocol, true},
		{"more than the range", get(100, func(p *peer, id uint32) { p.data(id, 10, bytesOf(21)) }), callRange, ErrProtocol, true},
		{"before the range", get(100, func(p *peer, id uint32) { p.data(id, 0, bytesOf(30)) }), callRange, ErrProtocol, true},
		{"absurd size, early END", get(math.MaxInt64, func(p *peer, id uint32) { p.send(id, end(nil)) }), callGet, ErrIntegrity, true},
		{"wrong digest of the file", get(5, func(p *peer, id uint32) {
			p.data(id, 0, []byte("right"))
			p.send(id, end([]byte("wrong")))
		}), callGet, ErrIntegrity, true},
		{"wrong size of the file", get(5, func(p *peer, id uint32) {
			p.data(id, 0, []byte("right"))
			m := end([]byte("right"))
			m.Size++
			p.send(id, m)
		}), callGet, ErrIntegrity, true},
		{"another etag at the end", get(5, func(p *peer, id uint32) {
			p.data(id, 0, []byte("right"))
			m := end([]byte("right"))
			m.ETag++
			p.send(id, m)
		}), callGet, ErrChanged, true},
	}
}

// hostilePuts go wrong in answers to PUT.
func hostilePuts() []hostile {
	return []hostile{
		{"READY in the middle", first(func(p *peer, id uint32) { p.send(id, protocol.Ready{Offset: bs}) }), callPutBig, ErrProtocol, true},
		{"READY to an eager PUT", first(func(p *peer, id uint32) { p.send(id, protocol.Ready{}) }), callPut, ErrProtocol, true},
		{"OK without READY", first(func(p *peer, id uint32) { p.send(id, protocol.OK{Count: 5}) }), callPutBig, ErrProtocol, false},
		{"READY without end", first(func(p *peer, id uint32) {
			p.send(id, protocol.Ready{})
			p.expect(protocol.OpData)
			for range 2000 { // while the client reads its file
				p.send(id, protocol.Ready{})
			}
		}), callPutSlow, ErrProtocol, false},
		{"a block again that was not sent", first(func(p *peer, id uint32) {
			p.send(id, protocol.Ready{})
			p.expect(protocol.OpData)
			p.send(id, protocol.Ready{Flags: protocol.ReadyAgain, Offset: 2 * bs})
		}), callPutBig, ErrProtocol, true},
		{"a block again and again", first(func(p *peer, id uint32) {
			for p.send(id, protocol.Ready{}); ; p.send(id, protocol.Ready{Flags: protocol.ReadyAgain}) {
				if f, ok := p.next(); !ok || f.Opcode == protocol.OpCancel {
					return
				}
			}
		}), callPutBig, ErrProtocol, true},
		{"a block again before the first", first(func(p *peer, id uint32) {
			p.send(id, protocol.Ready{Flags: protocol.ReadyAgain})
		}), callPutBig, ErrProtocol, true},
		{"OK for fewer bytes", first(func(p *peer, id uint32) { p.send(id, protocol.OK{Count: 4}) }), callPut, ErrIntegrity, true},
	}
}

// hostileLists go wrong in listings.
func hostileLists() []hostile {
	return []hostile{
		{"listing with another count", first(func(p *peer, id uint32) { p.send(id, protocol.OK{Count: 4}) }), callList, ErrProtocol, true},
		{"empty batches without end", first(func(p *peer, id uint32) {
			for range 100 {
				p.send(id, protocol.Entries{})
			}
		}), callList, ErrProtocol, true},
		{"entry cut short", first(func(p *peer, id uint32) {
			b := protocol.Append(nil, id, protocol.Entries{List: []protocol.Entry{{Path: "x", Meta: metaOfFile(nil)}}})
			b[11]-- // the length in the header
			p.raw(protocol.Seal(b[:len(b)-1]))
		}), callList, ErrProtocol, false},
	}
}

// Whatever a server does, the caller gets an error that says what kind.
func TestHostile(t *testing.T) {
	for _, test := range slices.Concat(hostileConnections(), hostileGets(), hostilePuts(), hostileLists()) {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			o := peerOptions{options: Options{Timeout: 10 * time.Second}}
			o.limits = func(l *limits) { l.closeWait = 10 * time.Millisecond } // no script answers CANCEL
			if test.want == ErrTimeout {
				o.options.Timeout = 40 * time.Millisecond
			}
			c := withPeer(t, o, test.script)
			err := test.call(limit(t), c)
			if !errors.Is(err, test.want) {
				t.Fatalf("%v, and not %v", err, test.want)
			}
			if over := only(c).over(); over == test.usable {
				t.Errorf("the connection is over: %t", over)
			}
			if test.usable {
				return
			}
			if _, again := c.Stat(limit(t), "b"); !errors.Is(again, test.want) {
				t.Errorf("then %v, and not %v again", again, test.want)
			}
		})
	}
}

// A greeting that is none is an error of Dial.
func TestGreeting(t *testing.T) {
	welcome := protocol.Welcome{InFlight: 1, BlockSize: bs, Agent: strings.Repeat("x", 255)}
	away := protocol.Goaway{Code: protocol.ShuttingDown, Message: "the server is shutting down"}
	for _, test := range []struct {
		name   string
		script func(p *peer)
		want   error
		text   string
	}{
		{"welcome", func(p *peer) { p.send(0, welcome); p.drain() }, nil, ""},
		{"ssh", func(p *peer) { p.raw([]byte("SSH-2.0-OpenSSH_9.9\r\n")) }, ErrUnsupported, "no ftpd server"},
		{"a line", func(p *peer) { p.raw([]byte("ftpd: speak TLS here\x1b\r\n")) }, ErrUnsupported, `speak TLS here\x1b`},
		{"short line", func(p *peer) { p.raw([]byte("220 ok\r\n")) }, ErrUnsupported, ""},
		{"busy", func(p *peer) { p.fail(0, protocol.Busy) }, ErrBusy, "the script says so"},
		{"shutting down", func(p *peer) { p.send(0, away) }, ErrShuttingDown, "the server is shutting down"},
		{"GOAWAY without a code", func(p *peer) { p.send(0, protocol.Goaway{}) }, ErrProtocol, ""},
		{"other block size", func(p *peer) { w := welcome; w.BlockSize = 1 << 20; p.send(0, w) }, ErrProtocol, ""},
		{"none in flight", func(p *peer) { w := welcome; w.InFlight = 0; p.send(0, w) }, ErrProtocol, ""},
		{"a reply", func(p *peer) { p.send(1, protocol.OK{}) }, ErrProtocol, ""},
		{"hangs up", func(*peer) {}, ErrNetwork, "closed the connection"},
		{"hangs", func(p *peer) { p.drain() }, ErrTimeout, ""},
		{"hangs in a frame", func(p *peer) { p.raw([]byte{1, 0x41, 0}); p.drain() }, ErrTimeout, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			o := peerOptions{silent: true, options: Options{DialTimeout: 10 * time.Second}}
			if test.want == ErrTimeout {
				o.options.DialTimeout = 30 * time.Millisecond
			}
			_, err := dialPeer(t, o, func(p *peer) {
				p.expect(protocol.OpHello)
				test.script(p)
			})
			if !errors.Is(err, test.want) {
				t.Fatalf("%v, and not %v", err, test.want)
			}
			if err != nil && !strings.Contains(err.Error(), test.text) {
				t.Errorf("%q does not say %q", err, test.text)
			}
			if e, ok := errors.AsType[*Error](err); ok && test.want == ErrShuttingDown && !e.Retry {
				t.Error("another try is said to be useless")
			}
		})
	}
}

// A server that goes on sending after CANCEL is cut off; one that was merely
// slow to hear of it is not.
func TestAfterCancel(t *testing.T) {
	for _, late := range []int{10, 100} {
		t.Run(fmt.Sprint(late), func(t *testing.T) {
			ctx, cancel := context.WithCancel(limit(t))
			o := peerOptions{limits: func(l *limits) { l.lateMost = 50 * bs }}
			c := withPeer(t, o, get(1000*bs, func(p *peer, id uint32) {
				p.data(id, 0, bytesOf(bs))
				p.expect(protocol.OpCancel)
				for i := range late {
					p.data(id, uint64(i+1)*bs, bytesOf(bs))
				}
				p.fail(id, protocol.Cancelled)
			}))
			_, err := c.Get(ctx, "a", writerFunc(func(b []byte) (int, error) { cancel(); return len(b), nil }), nil)
			if !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			if late == 10 {
				waitFor(t, func() bool { return only(c).open.Load() == 0 })
			} else {
				waitFor(t, only(c).over)
				if err := only(c).cause(); !errors.Is(err, ErrProtocol) {
					t.Error(err)
				}
			}
		})
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

// The words of errors hold no control characters, whatever a server sends.
func TestPrintable(t *testing.T) {
	for _, err := range []error{
		&Error{Op: "get", Path: "a\nb", Code: 1, Message: "\x1b]0;x\a"},
		&LocalError{Op: "open", Path: "a\rb", Err: errors.New("x")},
		&NetworkError{Op: "dial", Address: "\x00", Err: errors.New("x")},
	} {
		if strings.ContainsFunc(err.Error(), func(r rune) bool { return r < ' ' }) {
			t.Errorf("%q holds control characters", err)
		}
	}
}
