package protocol

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// everything lets cmp look into the structures that messages embed.
var everything = cmp.Exporter(func(reflect.Type) bool { return true })

// messageCase says what the golden frame of a name means.
type messageCase struct {
	golden string
	check  func(t *testing.T, frame []byte)
}

// means makes a case: the frame decodes to want, and want encodes to it.
func means[M any, P Decodable[M]](golden string, request uint32, want M) messageCase {
	return messageCase{golden, func(t *testing.T, frame []byte) {
		t.Helper()
		f := Frame{mustHeader(t, frame), frame[HeaderLen:]}
		got, err := Decode[M, P](f)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, everything); diff != "" {
			t.Errorf("decoded (-want +got):\n%s", diff)
		}
		if b := Append([]byte("before"), request, P(&want)); !bytes.Equal(b, append([]byte("before"), frame...)) {
			t.Errorf("encoded:\n got %x\nwant %x", b[6:], frame)
		}
	}}
}

func mustHeader(tb testing.TB, frame []byte) Header {
	tb.Helper()
	h, err := parseHeader(frame, Client|Server)
	if err != nil {
		tb.Fatal(err)
	}
	return h
}

const (
	goldenTime = 1700000000123456789
	goldenETag = 0x1122334455667788
	goldenText = "hello, world\n"
)

func goldenTree() Digest {
	var tree Tree
	tree.Add(BlockDigest([]byte(goldenText)), len(goldenText))
	return tree.Sum()
}

// goldenKey is an ed25519 key as RFC 8709 has it, of 32 bytes that are no point.
func goldenKey() []byte {
	return append([]byte("\x00\x00\x00\x0bssh-ed25519\x00\x00\x00\x20"), bytes.Repeat([]byte{0xab}, 32)...)
}

var messageCases = []messageCase{
	means("hello", 0, Hello{InFlight: 128, Agent: "ftpc/1.0"}),
	means("hello-nameless", 0, Hello{InFlight: 1}),
	means("auth-password", 1, Authenticate{Method: Password, User: "alice", Credential: []byte("open sesame")}),
	means("auth-key", 1, Authenticate{Method: PublicKey, User: "zoë", Credential: goldenKey(), Signature: []byte("signed")}),
	means("list", 2, List{Flags: ListRecursive, Path: "album"}),
	means("list-root", 3, List{}),
	means("stat", 4, Stat{Flags: StatNoFollow, Path: "album/latest"}),
	means("get", 5, Get{Length: SizeUnknown, Path: "hello.txt"}),
	means("get-range", 6, Get{Flags: GetIfMatch, Offset: 262144, Length: 1000, ETag: goldenETag, Path: "file.bin"}),
	means("put", 7, Put{
		Flags: PutIfMatch, Size: 600000, Mtime: goldenTime, Mode: 0o640, ETag: goldenETag,
		Source: 0x0a0b0c0d0e0f1011, Version: 0x2122232425262728, Path: "file.bin",
	}),
	means("put-unknown", 8, Put{Flags: PutCreateOnly | PutEager | PutParents, Size: SizeUnknown, Mtime: NoTime, Path: "new/log"}),
	means("put-spread", 7, Put{
		Flags: PutParents | PutSpread, Size: 600000, Mtime: goldenTime, Mode: 0o640,
		Source: 0x0a0b0c0d0e0f1011, Version: 0x2122232425262728, Path: "file.bin",
	}),
	means("put-join", 8, Put{
		Flags: PutEager | PutJoin, Size: 600000, Mtime: NoTime,
		Source: 0x0a0b0c0d0e0f1011, Version: 0x2122232425262728, Path: "file.bin",
	}),
	means("mkdir", 9, Mkdir{Flags: MkdirParents, Mode: 0o755, Path: "a/b/c"}),
	means("remove", 10, Remove{Flags: RemoveRecursive, Path: "a"}),
	means("rename", 11, Rename{Flags: RenameNoReplace | RenameParents, From: "old", To: "dir/new"}),
	means("sum", 12, Sum{Algorithm: XXH3Tree, Path: "file.bin"}),
	means("sum-sha256", 12, Sum{Algorithm: SHA256, Path: "file.bin"}),
	means("cancel", 5, Cancel{}),
	means("ping", 0, Ping{Position: 20, Content: []byte{0, 1, 2, 3}}),
	means("bye", 0, Bye{}),
	means("data", 7, Data{Offset: 524288, Digest: BlockDigest([]byte(goldenText)), Bytes: []byte(goldenText)}),
	means("end", 7, End{Size: 13, Algorithm: XXH3Tree, Digest: goldenTree()}),
	means("end-sha256", 12, End{Size: 13, ETag: goldenETag, Algorithm: SHA256, SHA256: sha256.Sum256([]byte(goldenText))}),
	means("welcome", 0, Welcome{InFlight: 64, Features: FeatureReadOnly, BlockSize: BlockSize, Agent: "ftpd/1.0"}),
	means("ready", 7, Ready{Offset: 524288, Digest: goldenTree()}),
	means("ready-restarted", 7, Ready{Flags: ReadyRestarted}),
	means("ready-again", 7, Ready{Flags: ReadyAgain, Offset: 2 * BlockSize}),
	means("ready-spread", 7, Ready{Flags: ReadySpread, Offset: 524288, Digest: goldenTree()}),
	means("entries", 2, Entries{List: []Entry{
		{Path: "a.txt", Meta: Meta{Kind: File, Mode: 0o644, Size: 13, Mtime: goldenTime, ETag: goldenETag}},
		{Path: "latest", Meta: Meta{Kind: Symlink, Mode: 0o777, Size: 5, Mtime: goldenTime, ETag: 1, Target: "a.txt"}},
		{Code: Permission, Path: "private", Meta: Meta{Kind: Directory, Mode: 0o700, Mtime: -1}},
	}}),
	means("entries-empty", 2, Entries{}),
	means("meta", 4, Meta{Kind: File, Mode: 0o640, Size: 600000, Mtime: goldenTime, ETag: goldenETag}),
	means("meta-link", 4, Meta{Kind: Symlink, Mode: 0o777, Size: 9, Mtime: -1, ETag: 7, Target: "2024/\xff\xfe"}),
	means("ok", 7, OK{Count: 600000, ETag: goldenETag}),
	means("error", 5, Error{Code: Busy, Retry: true, Message: "the server is busy"}),
	means("error-connection", 0, Error{Code: Protocol, Message: "LIST has 1 bytes too many"}),
	means("error-newer", 5, Error{Code: 200}),
	means("pong", 0, Pong{Position: 20, Content: []byte{0, 1, 2, 3}}),
	means("goaway", 0, Goaway{Code: ShuttingDown, Message: "the server is shutting down"}),
}

func TestMessages(t *testing.T) {
	frames := map[string][]byte{}
	for _, g := range goldens(t, "legal-") {
		if !reserved(Opcode(g.fields[1].bytes[0])) {
			frames[strings.TrimPrefix(g.name, "legal-")] = g.bytes()
		}
	}
	for _, c := range messageCases {
		t.Run(c.golden, func(t *testing.T) {
			frame, ok := frames[c.golden]
			if !ok {
				t.Fatal("there is no such golden frame")
			}
			c.check(t, frame)
		})
		delete(frames, c.golden)
	}
	for name := range frames {
		t.Errorf("no test says what legal-%s means", name)
	}
}

func TestDecodeOfAnotherOpcode(t *testing.T) {
	frame := Append(nil, 1, OK{})
	_, err := Decode[Ready](Frame{mustHeader(t, frame), frame[HeaderLen:]})
	if err == nil || err.Error() != "OK is not READY (protocol)" {
		t.Errorf("got %v", err)
	}
}

// passes sends m through the wire and reports whether it was accepted.
func passes[M any, P Decodable[M]](tb testing.TB, request uint32, m M) bool {
	tb.Helper()
	frame := Append(nil, request, P(&m))
	d := NewDecoder(Client | Server)
	frames, err := decodeAll(tb, &d, frame, chunks())
	if err == nil && len(frames) == 1 {
		_, err = Decode[M, P](Frame{frames[0].header, []byte(frames[0].payload)})
	}
	if _, ok := errors.AsType[*ProtocolError](err); err != nil && !ok {
		tb.Errorf("%T: %v is no ProtocolError", m, err)
	}
	return err == nil
}

// limitCase tries the last value that a field may have and the first that it
// may not.
type limitCase struct {
	field string
	try   func(t *testing.T) (last, first bool)
}

func limit[M any, P Decodable[M]](field string, request uint32, last, first M) limitCase {
	return limitCase{field, func(t *testing.T) (bool, bool) {
		t.Helper()
		return passes[M, P](t, request, last), passes[M, P](t, request, first)
	}}
}

func text(n int) string { return strings.Repeat("x", n) }

func fileMeta(mode uint32, size uint64, target int) Meta {
	return Meta{Kind: File, Mode: mode, Size: size, Target: text(target)}
}

func auth(user, secret int) Authenticate {
	return Authenticate{Method: Password, User: text(user), Credential: make([]byte, secret)}
}

func authKey(key, signature int) Authenticate {
	return Authenticate{Method: PublicKey, User: "a", Credential: make([]byte, key), Signature: make([]byte, signature)}
}

func entry(path int, meta Meta) Entries {
	return Entries{List: []Entry{{Path: text(path), Meta: meta}}}
}

// lastBlock is the last offset at which a block can begin.
const lastBlock = MaxFileSize - MaxFileSize%BlockSize

var limitCases = []limitCase{
	limit("HELLO in_flight", 0, Hello{InFlight: 1}, Hello{InFlight: 0}),
	limit("HELLO agent", 0, Hello{InFlight: math.MaxUint16, Agent: text(MaxAgent)}, Hello{InFlight: 1, Agent: text(MaxAgent + 1)}),
	limit("WELCOME in_flight", 0, Welcome{InFlight: 1, BlockSize: BlockSize}, Welcome{BlockSize: BlockSize}),
	limit("WELCOME block_size", 0, Welcome{InFlight: 1, BlockSize: BlockSize}, Welcome{InFlight: 1, BlockSize: BlockSize + 1}),
	limit("WELCOME agent", 0, Welcome{InFlight: math.MaxUint16, Features: math.MaxUint32, BlockSize: BlockSize, Agent: text(MaxAgent)},
		Welcome{InFlight: 1, BlockSize: BlockSize, Agent: text(MaxAgent + 1)}),
	limit("AUTH user", 1, auth(MaxUser, 0), auth(MaxUser+1, 0)),
	limit("AUTH no user", 1, auth(1, 0), auth(0, 0)),
	limit("AUTH user without control characters", 1, Authenticate{Method: Password, User: "\u00a0"}, Authenticate{Method: Password, User: "a\u0085"}),
	limit("AUTH user of UTF-8", 1, Authenticate{Method: Password, User: "\u00e9"}, Authenticate{Method: Password, User: "\xe9"}),
	limit("AUTH password", 1, auth(1, MaxSecret), auth(1, MaxSecret+1)),
	limit("AUTH key", 1, authKey(MaxKey, MaxSignature), authKey(MaxKey+1, 0)),
	limit("AUTH signature", 1, authKey(0, MaxSignature), authKey(0, MaxSignature+1)),
	limit("AUTH method", 1, authKey(0, 0), Authenticate{Method: PublicKey + 1, User: "a"}),
	limit("AUTH no method", 1, auth(1, 0), Authenticate{User: "a"}),
	limit("LIST path", 1, List{Path: text(MaxPath)}, List{Path: text(MaxPath + 1)}),
	limit("LIST path of 64 KiB", 1, List{}, List{Path: text(1 << 16)}),
	limit("STAT path", 1, Stat{Path: text(MaxPath)}, Stat{Path: text(MaxPath + 1)}),
	limit("REMOVE path", 1, Remove{Path: text(MaxPath)}, Remove{Path: text(MaxPath + 1)}),
	limit("GET path", 1, Get{Path: text(MaxPath)}, Get{Path: text(MaxPath + 1)}),
	limit("GET offset", 1, Get{Offset: MaxFileSize, Length: SizeUnknown}, Get{Offset: MaxFileSize + 1, Length: SizeUnknown}),
	limit("GET size", 1, Get{Offset: 1, Length: MaxFileSize - 1}, Get{Offset: 1, Length: MaxFileSize}),
	limit("GET size that overflows", 1, Get{Offset: 2, Length: SizeUnknown}, Get{Offset: 2, Length: SizeUnknown - 1}),
	limit("PUT path", 1, Put{Path: text(MaxPath)}, Put{Path: text(MaxPath + 1)}),
	limit("PUT size", 1, Put{Size: MaxFileSize}, Put{Size: MaxFileSize + 1}),
	limit("PUT unknown size", 1, Put{Size: SizeUnknown}, Put{Size: SizeUnknown - 1}),
	limit("PUT mode", 1, Put{Mode: 0o777}, Put{Mode: 0o1000}),
	limit("PUT mtime", 1, Put{Mtime: math.MaxInt64}, Put{Mtime: math.MaxInt64, Mode: 1 << 31}),
	limit("MKDIR path", 1, Mkdir{Path: text(MaxPath)}, Mkdir{Path: text(MaxPath + 1)}),
	limit("MKDIR mode", 1, Mkdir{Mode: 0o777}, Mkdir{Mode: 0o1000}),
	limit("RENAME from", 1, Rename{From: text(MaxPath), To: text(MaxPath)}, Rename{From: text(MaxPath + 1)}),
	limit("RENAME to", 1, Rename{To: text(MaxPath)}, Rename{To: text(MaxPath + 1)}),
	limit("SUM path", 1, Sum{Algorithm: math.MaxUint8, Path: text(MaxPath)}, Sum{Path: text(MaxPath + 1)}),
	limit("PING content", 1, Ping{Content: make([]byte, MaxPing)}, Ping{Content: make([]byte, MaxPing+1)}),
	limit("PONG content", 1, Pong{Content: make([]byte, MaxPing)}, Pong{Content: make([]byte, MaxPing+1)}),
	limit("DATA bytes", 1, Data{Bytes: make([]byte, BlockSize)}, Data{Bytes: make([]byte, BlockSize+1)}),
	limit("DATA at least one byte", 1, Data{Bytes: make([]byte, 1)}, Data{}),
	limit("DATA block boundary", 1, Data{Offset: BlockSize - 2, Bytes: make([]byte, 2)}, Data{Offset: BlockSize - 1, Bytes: make([]byte, 2)}),
	limit("DATA offset", 1, Data{Offset: MaxFileSize - 1, Bytes: make([]byte, 1)}, Data{Offset: MaxFileSize, Bytes: make([]byte, 1)}),
	limit("DATA offset that overflows", 1, Data{Offset: lastBlock, Bytes: make([]byte, BlockSize-1)}, Data{Offset: math.MaxUint64, Bytes: make([]byte, 1)}),
	limit("END size", 1, End{Size: MaxFileSize, Algorithm: XXH3Tree}, End{Size: MaxFileSize + 1, Algorithm: XXH3Tree}),
	limit("END algorithm", 1, End{Algorithm: SHA256}, End{Algorithm: SHA256 + 1}),
	limit("END no algorithm", 1, End{Algorithm: XXH3Tree}, End{}),
	limit("READY offset", 1, Ready{Offset: lastBlock}, Ready{Offset: lastBlock + BlockSize}),
	limit("READY digest", 1, Ready{Offset: BlockSize, Digest: Digest{1}}, Ready{Digest: Digest{1}}),
	limit("READY block boundary", 1, Ready{Offset: BlockSize}, Ready{Offset: BlockSize + 1}),
	limit("META mode", 1, fileMeta(0o777, 0, 0), fileMeta(0o1000, 0, 0)),
	limit("META size", 1, fileMeta(0, MaxFileSize, 0), fileMeta(0, MaxFileSize+1, 0)),
	limit("META target", 1, fileMeta(0, 0, MaxPath), fileMeta(0, 0, MaxPath+1)),
	limit("META kind", 1, Meta{Kind: Special}, Meta{Kind: Special + 1}),
	limit("META no kind", 1, Meta{Kind: File}, Meta{}),
	limit("ENTRIES path", 1, entry(MaxPath, fileMeta(0, 0, 0)), entry(MaxPath+1, fileMeta(0, 0, 0))),
	limit("ENTRIES target", 1, entry(MaxPath, fileMeta(0, 0, MaxPath)), entry(1, fileMeta(0, 0, MaxPath+1))),
	limit("ENTRIES size", 1, entry(1, fileMeta(0, MaxFileSize, 0)), entry(1, fileMeta(0, MaxFileSize+1, 0))),
	limit("ENTRIES payload", 1, entriesOf(MaxControlPayload), entriesOf(MaxControlPayload+1)),
	limit("ERROR code", 1, Error{Code: 1}, Error{}),
	limit("GOAWAY code", 0, Goaway{Code: math.MaxUint8}, Goaway{}),
}

// entriesOf makes a listing whose payload has n bytes.
func entriesOf(n int) Entries {
	var m Entries
	for n > 0 {
		e := Entry{Meta: Meta{Kind: File}, Path: text(1000)}
		if n < 2*e.wireLen() {
			e.Path = text(n - (e.wireLen() - len(e.Path)))
		}
		n -= e.wireLen()
		m.List = append(m.List, e)
	}
	return m
}

func TestFieldLimits(t *testing.T) {
	for _, c := range limitCases {
		last, first := c.try(t)
		if !last {
			t.Errorf("%s: the last legal value was refused", c.field)
		}
		if first {
			t.Errorf("%s: the first illegal value was accepted", c.field)
		}
	}
}

func TestSentences(t *testing.T) {
	long := text(MaxSentence-1) + "é"
	for sent, want := range map[string]string{
		text(MaxSentence):            text(MaxSentence),
		text(MaxSentence + 1):        text(MaxSentence),
		text(1 << 17):                text(MaxSentence),
		long:                         text(MaxSentence - 1),
		strings.Repeat("\x80", 2000): strings.Repeat("\x80", MaxSentence-utf8.UTFMax),
	} {
		frame := Append(nil, 1, Error{Code: IO, Message: sent})
		m, err := Decode[Error](Frame{mustHeader(t, frame), frame[HeaderLen:]})
		if err != nil || m.Message != want {
			t.Errorf("ERROR with %d bytes came as %d: %v", len(sent), len(m.Message), err)
		}
		frame = Append(nil, 0, Goaway{Code: IO, Message: sent})
		g, err := Decode[Goaway](Frame{mustHeader(t, frame), frame[HeaderLen:]})
		if err != nil || g.Message != want {
			t.Errorf("GOAWAY with %d bytes came as %d: %v", len(sent), len(g.Message), err)
		}
	}
}
