package protocol

import "encoding/binary"

// List asks for the entries of a directory: ENTRIES as often as needed, then
// OK with their number.
type List struct {
	Flags Flags // ListRecursive
	Path  string
}

// Opcode returns OpList.
func (List) Opcode() Opcode { return OpList }

func (m List) flags() Flags                  { return m.Flags }
func (m List) appendPayload(b []byte) []byte { return appendText(b, m.Path) }

func (m List) decode(f Frame) (List, error) {
	c := newCursor(f, OpList)
	m.Flags = f.Flags
	m.Path = c.text("path", MaxPath)
	return m, c.finish()
}

// Stat asks for the META of a path.
type Stat struct {
	Flags Flags // StatNoFollow
	Path  string
}

// Opcode returns OpStat.
func (Stat) Opcode() Opcode { return OpStat }

func (m Stat) flags() Flags                  { return m.Flags }
func (m Stat) appendPayload(b []byte) []byte { return appendText(b, m.Path) }

func (m Stat) decode(f Frame) (Stat, error) {
	c := newCursor(f, OpStat)
	m.Flags = f.Flags
	m.Path = c.text("path", MaxPath)
	return m, c.finish()
}

// Mkdir makes a directory.
type Mkdir struct {
	Flags Flags  // MkdirParents
	Mode  uint32 // permission bits; 0 is the server's default
	Path  string
}

// Opcode returns OpMkdir.
func (Mkdir) Opcode() Opcode { return OpMkdir }

func (m Mkdir) flags() Flags { return m.Flags }

func (m Mkdir) appendPayload(b []byte) []byte {
	return appendText(binary.BigEndian.AppendUint32(b, m.Mode), m.Path)
}

func (m Mkdir) decode(f Frame) (Mkdir, error) {
	c := newCursor(f, OpMkdir)
	m.Flags = f.Flags
	m.Mode = c.mode()
	m.Path = c.text("path", MaxPath)
	return m, c.finish()
}

// Remove removes a file, an empty directory or, with RemoveRecursive, a tree.
type Remove struct {
	Flags Flags // RemoveRecursive
	Path  string
}

// Opcode returns OpRemove.
func (Remove) Opcode() Opcode { return OpRemove }

func (m Remove) flags() Flags                  { return m.Flags }
func (m Remove) appendPayload(b []byte) []byte { return appendText(b, m.Path) }

func (m Remove) decode(f Frame) (Remove, error) {
	c := newCursor(f, OpRemove)
	m.Flags = f.Flags
	m.Path = c.text("path", MaxPath)
	return m, c.finish()
}

// Rename moves a file or a directory.
type Rename struct {
	Flags Flags // RenameNoReplace, RenameParents
	From  string
	To    string
}

// Opcode returns OpRename.
func (Rename) Opcode() Opcode { return OpRename }

func (m Rename) flags() Flags { return m.Flags }

func (m Rename) appendPayload(b []byte) []byte { return appendText(appendText(b, m.From), m.To) }

func (m Rename) decode(f Frame) (Rename, error) {
	c := newCursor(f, OpRename)
	m.Flags = f.Flags
	m.From = c.text("old path", MaxPath)
	m.To = c.text("new path", MaxPath)
	return m, c.finish()
}

// Sum asks for the digest of a file, which END brings.
type Sum struct {
	none
	Algorithm Algorithm
	Path      string
}

// Opcode returns OpSum.
func (Sum) Opcode() Opcode { return OpSum }

func (m Sum) appendPayload(b []byte) []byte {
	return appendText(append(b, byte(m.Algorithm)), m.Path)
}

func (m Sum) decode(f Frame) (Sum, error) {
	c := newCursor(f, OpSum)
	m.Algorithm = Algorithm(c.uint8())
	m.Path = c.text("path", MaxPath)
	return m, c.finish()
}
