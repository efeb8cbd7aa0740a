package protocol

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// TestWireNumbers pins every number of the wire. A change here is another
// version of the protocol.
func TestWireNumbers(t *testing.T) {
	for _, n := range []struct {
		name      string
		got, want uint64
	}{
		{"Version", Version, 1}, {"HeaderLen", HeaderLen, 20}, {"DigestLen", DigestLen, 16}, {"DataOverhead", DataOverhead, 44},

		{"OpHello", uint64(OpHello), 0x01}, {"OpAuth", uint64(OpAuth), 0x02}, {"OpList", uint64(OpList), 0x03},
		{"OpStat", uint64(OpStat), 0x04}, {"OpGet", uint64(OpGet), 0x05}, {"OpPut", uint64(OpPut), 0x06},
		{"OpMkdir", uint64(OpMkdir), 0x07}, {"OpRemove", uint64(OpRemove), 0x08}, {"OpRename", uint64(OpRename), 0x09},
		{"OpSum", uint64(OpSum), 0x0a}, {"OpSync", uint64(OpSync), 0x0b}, {"OpCancel", uint64(OpCancel), 0x0c},
		{"OpPing", uint64(OpPing), 0x0d}, {"OpBye", uint64(OpBye), 0x0e}, {"OpData", uint64(OpData), 0x20},
		{"OpEnd", uint64(OpEnd), 0x21}, {"OpWelcome", uint64(OpWelcome), 0x41}, {"OpReady", uint64(OpReady), 0x42},
		{"OpEntries", uint64(OpEntries), 0x43}, {"OpMeta", uint64(OpMeta), 0x44}, {"OpOK", uint64(OpOK), 0x45},
		{"OpError", uint64(OpError), 0x46}, {"OpPong", uint64(OpPong), 0x47}, {"OpGoaway", uint64(OpGoaway), 0x48},

		{"ListRecursive", uint64(ListRecursive), 1}, {"StatNoFollow", uint64(StatNoFollow), 1}, {"GetIfMatch", uint64(GetIfMatch), 1},
		{"PutCreateOnly", uint64(PutCreateOnly), 1}, {"PutIfMatch", uint64(PutIfMatch), 2}, {"PutEager", uint64(PutEager), 4},
		{"PutParents", uint64(PutParents), 8}, {"PutSpread", uint64(PutSpread), 16}, {"PutJoin", uint64(PutJoin), 32}, {"ReadySpread", uint64(ReadySpread), 4}, {"ReadyRestarted", uint64(ReadyRestarted), 1}, {"ReadyAgain", uint64(ReadyAgain), 2}, {"MkdirParents", uint64(MkdirParents), 1}, {"RemoveRecursive", uint64(RemoveRecursive), 1},
		{"RenameNoReplace", uint64(RenameNoReplace), 1}, {"RenameParents", uint64(RenameParents), 2},

		{"NotFound", uint64(NotFound), 1}, {"Exists", uint64(Exists), 2}, {"Permission", uint64(Permission), 3},
		{"IsDirectory", uint64(IsDirectory), 4}, {"NotDirectory", uint64(NotDirectory), 5}, {"NotEmpty", uint64(NotEmpty), 6},
		{"NoSpace", uint64(NoSpace), 7}, {"Quota", uint64(Quota), 8}, {"Changed", uint64(Changed), 9},
		{"Integrity", uint64(Integrity), 10}, {"TooLarge", uint64(TooLarge), 11}, {"Busy", uint64(Busy), 12},
		{"Cancelled", uint64(Cancelled), 13}, {"Invalid", uint64(Invalid), 14}, {"Unsupported", uint64(Unsupported), 15},
		{"IO", uint64(IO), 16}, {"Auth", uint64(Auth), 17}, {"ShuttingDown", uint64(ShuttingDown), 18}, {"Protocol", uint64(Protocol), 19},

		{"File", uint64(File), 1}, {"Directory", uint64(Directory), 2}, {"Symlink", uint64(Symlink), 3}, {"Special", uint64(Special), 4},
		{"FeatureReadOnly", uint64(FeatureReadOnly), 1}, {"FeatureDurable", uint64(FeatureDurable), 2},
		{"FeatureLogin", uint64(FeatureLogin), 4}, {"FeatureNoAnonymous", uint64(FeatureNoAnonymous), 8},
		{"Password", uint64(Password), 1}, {"PublicKey", uint64(PublicKey), 2}, {"LoginExporterLen", LoginExporterLen, 32},
		{"MaxUser", MaxUser, 64}, {"MaxSecret", MaxSecret, 1024}, {"MaxKey", MaxKey, 2048}, {"MaxSignature", MaxSignature, 2048},
		{"XXH3Tree", uint64(XXH3Tree), 1}, {"SHA256", uint64(SHA256), 2}, {"SHA256Len", SHA256Len, 32},

		{"BlockSize", BlockSize, 262144}, {"MaxControlPayload", MaxControlPayload, 65536}, {"MaxDataPayload", MaxDataPayload, 262168},
		{"MaxPath", MaxPath, 4096}, {"MaxName", MaxName, 255}, {"MaxAgent", MaxAgent, 255}, {"MaxSentence", MaxSentence, 1024},
		{"MaxPing", MaxPing, 64}, {"MaxFileSize", MaxFileSize, 1<<63 - 1}, {"DefaultInFlight", DefaultInFlight, 4096},
		{"DefaultPort", DefaultPort, 2120}, {"SizeUnknown", SizeUnknown, 1<<64 - 1},
	} {
		if n.got != n.want {
			t.Errorf("%s is %d on the wire, not %d", n.name, n.got, n.want)
		}
	}
	if NoTime != -1<<63 || magic != "\x89FTPD\r\n\x1a" || len(magic) != magicLen {
		t.Error("NoTime or the magic changed")
	}
}

func TestHeaderBytes(t *testing.T) {
	h := Header{Opcode: OpPut, Flags: PutEager | PutParents, Request: 0x01020304, Length: 0x1001}
	want := []byte{1, 6, 0, 12, 1, 2, 3, 4, 0, 0, 0x10, 1, 0, 0, 0, 0, 0xc0, 0x39, 0x91, 0x52}
	if got := Seal(h.appendTo(nil)); !bytes.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
	if got, err := parseHeader(want, Client); err != nil || got != h {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestScopeOfEveryOpcode(t *testing.T) {
	for op := range opcodes {
		row, ok := Opcode(op).row()
		if !ok {
			continue
		}
		for _, request := range []uint32{0, 1, 1<<32 - 1} {
			header := headerOf(Opcode(op), row.minPayload)
			binary.BigEndian.PutUint32(header[4:], request)
			_, err := parseHeader(Seal(header), row.from)
			legal := row.scope == ofEither || (request == 0) == (row.scope == ofConnection)
			if (err == nil) != legal {
				t.Errorf("%s of request %d: %v", Opcode(op), request, err)
			}
		}
		if _, err := parseHeader(headerOf(Opcode(op), row.minPayload), (Client|Server)&^row.from); err == nil {
			t.Errorf("%s was accepted from the other side", Opcode(op))
		}
	}
}

func TestOpcodeAndCodeNames(t *testing.T) {
	for got, want := range map[string]string{
		OpGoaway.String():           "GOAWAY",
		Opcode(0).String():          "opcode 0x00",
		Opcode(0x1f).String():       "opcode 0x1f",
		Opcode(0xff).String():       "opcode 0xff",
		Code(0).String():            "ok",
		Protocol.String():           "protocol",
		(Protocol + 1).String():     "code 20",
		Errorf(IO, "%d", 5).Error(): "5 (io)",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
