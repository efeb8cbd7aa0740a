package protocol

import "fmt"

// Opcode says what a frame is.
type Opcode uint8

// The opcodes. Requests lie below 0x20, frames of either side from 0x20,
// replies from 0x40. SYNC is reserved: a server answers it with ERROR unsupported.
const (
	OpHello  Opcode = 0x01
	OpAuth   Opcode = 0x02
	OpList   Opcode = 0x03
	OpStat   Opcode = 0x04
	OpGet    Opcode = 0x05
	OpPut    Opcode = 0x06
	OpMkdir  Opcode = 0x07
	OpRemove Opcode = 0x08
	OpRename Opcode = 0x09
	OpSum    Opcode = 0x0a
	OpSync   Opcode = 0x0b
	OpCancel Opcode = 0x0c
	OpPing   Opcode = 0x0d
	OpBye    Opcode = 0x0e

	OpData Opcode = 0x20
	OpEnd  Opcode = 0x21

	OpWelcome Opcode = 0x41
	OpReady   Opcode = 0x42
	OpEntries Opcode = 0x43
	OpMeta    Opcode = 0x44
	OpOK      Opcode = 0x45
	OpError   Opcode = 0x46
	OpPong    Opcode = 0x47
	OpGoaway  Opcode = 0x48
)

// Side is the end of a connection that sends a frame.
type Side uint8

// The two ends of a connection.
const (
	Client Side = 1 << iota
	Server
)

// scope says which request numbers a frame may carry.
type scope uint8

const (
	ofRequest    scope = iota // any but 0
	ofConnection              // only 0
	ofEither
)

// opcodeRow is what the header of a frame may look like for one opcode.
type opcodeRow struct {
	name       string
	from       Side
	scope      scope
	flags      Flags // the bits that may be set
	minPayload uint32
	maxPayload uint32
}

// opcodes is indexed by the opcode; a row without a name is no opcode.
var opcodes = [...]opcodeRow{
	OpHello:  {"HELLO", Client, ofConnection, 0, magicLen + 2 + 2, magicLen + 2 + 2 + MaxAgent},
	OpAuth:   {"AUTH", Client, ofRequest, 0, authMinLen, authMinLen - 1 + MaxUser + MaxKey + 2 + MaxSignature},
	OpList:   {"LIST", Client, ofRequest, ListRecursive, 2, 2 + MaxPath},
	OpStat:   {"STAT", Client, ofRequest, StatNoFollow, 2, 2 + MaxPath},
	OpGet:    {"GET", Client, ofRequest, GetIfMatch, 8 + 8 + 8 + 2, 8 + 8 + 8 + 2 + MaxPath},
	OpPut:    {"PUT", Client, ofRequest, PutCreateOnly | PutIfMatch | PutEager | PutParents | PutSpread | PutJoin, putLen + 2, putLen + 2 + MaxPath},
	OpMkdir:  {"MKDIR", Client, ofRequest, MkdirParents, 4 + 2, 4 + 2 + MaxPath},
	OpRemove: {"REMOVE", Client, ofRequest, RemoveRecursive, 2, 2 + MaxPath},
	OpRename: {"RENAME", Client, ofRequest, RenameNoReplace | RenameParents, 2 + 2, 2 + 2 + 2*MaxPath},
	OpSum:    {"SUM", Client, ofRequest, 0, 1 + 2, 1 + 2 + MaxPath},
	OpSync:   {"SYNC", Client, ofRequest, 0, 0, MaxControlPayload},
	OpCancel: {"CANCEL", Client, ofRequest, 0, 0, 0},
	OpPing:   {"PING", Client, ofEither, 0, pingMinLen, pingMinLen + MaxPing},
	OpBye:    {"BYE", Client, ofConnection, 0, 0, 0},

	OpData: {"DATA", Client | Server, ofRequest, 0, dataPrefixLen + 1, MaxDataPayload},
	OpEnd:  {"END", Client | Server, ofRequest, 0, endLen, longEndLen},

	OpWelcome: {"WELCOME", Server, ofConnection, 0, 2 + 4 + 4 + 2, 2 + 4 + 4 + 2 + MaxAgent},
	OpReady:   {"READY", Server, ofRequest, ReadyRestarted | ReadyAgain | ReadySpread, 8 + DigestLen, 8 + DigestLen},
	OpEntries: {"ENTRIES", Server, ofRequest, 0, 0, MaxControlPayload},
	OpMeta:    {"META", Server, ofRequest, 0, metaLen + 2, metaLen + 2 + MaxPath},
	OpOK:      {"OK", Server, ofRequest, 0, 8 + 8, 8 + 8},
	OpError:   {"ERROR", Server, ofEither, 0, 1 + 1 + 2, 1 + 1 + 2 + MaxSentence},
	OpPong:    {"PONG", Server, ofEither, 0, pingMinLen, pingMinLen + MaxPing},
	OpGoaway:  {"GOAWAY", Server, ofConnection, 0, 1 + 2, 1 + 2 + MaxSentence},
}

// row returns the limits of o, and whether o is an opcode at all.
func (o Opcode) row() (opcodeRow, bool) {
	if int(o) >= len(opcodes) || opcodes[o].name == "" {
		return opcodeRow{}, false
	}
	return opcodes[o], true
}

// String returns the name SPEC.md gives the opcode.
func (o Opcode) String() string {
	if row, ok := o.row(); ok {
		return row.name
	}
	return fmt.Sprintf("opcode 0x%02x", uint8(o))
}
