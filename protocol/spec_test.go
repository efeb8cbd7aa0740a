package protocol

import (
	"encoding/hex"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// specTable is one table of SPEC.md: a row maps the columns' names to cells.
type specTable struct {
	section string
	columns []string
	rows    []map[string]string
}

func specText(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("SPEC.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func cells(line string) []string {
	list := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
	for i := range list {
		list[i] = strings.TrimSpace(list[i])
	}
	return list
}

// specTables reads all tables of SPEC.md.
func specTables(t *testing.T) []specTable {
	t.Helper()
	var tables []specTable
	section, open := "", false
	for line := range strings.Lines(specText(t)) {
		if heading, ok := strings.CutPrefix(line, "#"); ok {
			section = strings.TrimSpace(strings.TrimLeft(heading, "#"))
		}
		switch {
		case !strings.HasPrefix(line, "|"):
			open = false
		case strings.HasPrefix(line, "|---"):
		case !open:
			tables = append(tables, specTable{section: section, columns: cells(line)})
			open = true
		default:
			last := &tables[len(tables)-1]
			row := map[string]string{}
			for i, cell := range cells(line) {
				if i >= len(last.columns) {
					t.Fatalf("%s: row %q has too many cells", section, line)
				}
				row[last.columns[i]] = cell
			}
			last.rows = append(last.rows, row)
		}
	}
	return tables
}

// specRows returns the rows of the table of a section that has a column.
func specRows(t *testing.T, section, column string) []map[string]string {
	t.Helper()
	for _, table := range specTables(t) {
		if table.section == section && slices.Contains(table.columns, column) {
			return table.rows
		}
	}
	t.Fatalf("SPEC.md has no table with %q under %q", column, section)
	return nil
}

func number(t *testing.T, s string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(s, 0, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// same reports the differences between what SPEC.md and the code say.
func same[K comparable, V any](t *testing.T, spec, code map[K]V) {
	t.Helper()
	if diff := cmp.Diff(spec, code); diff != "" {
		t.Errorf("SPEC.md and the code disagree (-SPEC.md +code):\n%s", diff)
	}
}

func TestSpecHeader(t *testing.T) {
	offset := uint64(0)
	var names, sizes []string
	for _, row := range specRows(t, "Frame header", "offset") {
		if number(t, row["offset"]) != offset {
			t.Errorf("%s is not at %d", row["field"], offset)
		}
		offset += number(t, row["size"])
		names, sizes = append(names, row["field"]), append(sizes, row["size"])
	}
	want := fmt.Sprint([]int{sizeofVersion, sizeofOpcode, sizeofFlags, sizeofRequest, sizeofLength, sizeofPayloadCheck, sizeofHeaderCheck})
	if offset != HeaderLen || fmt.Sprint(sizes) != want {
		t.Errorf("the fields have %v, %d bytes in all", sizes, offset)
	}
	for _, g := range goldens(t, "") {
		for i, name := range names {
			if f := g.fields[i]; f.name != name || strconv.Itoa(len(f.bytes)) != sizes[i] {
				t.Errorf("%s: field %d is %s of %d bytes, not %s of %s", g.name, i, f.name, len(f.bytes), name, sizes[i])
			}
		}
	}
}

// specOpcode is a row of the table of opcodes.
type specOpcode struct {
	Name, From, Scope string
	Min, Max          uint64
}

func TestSpecOpcodes(t *testing.T) {
	spec, code := map[uint64]specOpcode{}, map[uint64]specOpcode{}
	for _, row := range specRows(t, "Opcodes", "sent by") {
		spec[number(t, row["number"])] = specOpcode{row["name"], row["sent by"], row["request"],
			number(t, row["min payload"]), number(t, row["max payload"])}
	}
	from := map[Side]string{Client: "client", Server: "server", Client | Server: "both"}
	scopes := map[scope]string{ofRequest: "n", ofConnection: "0", ofEither: "any"}
	for op := range 256 {
		if row, ok := Opcode(op).row(); ok {
			code[uint64(op)] = specOpcode{row.name, from[row.from], scopes[row.scope], uint64(row.minPayload), uint64(row.maxPayload)}
		}
	}
	same(t, spec, code)
}

// constants returns the names of the constants that a file declares in blocks
// of which the first has the given name.
func constants(t *testing.T, file, first string) []string {
	t.Helper()
	tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, decl := range tree.Decls {
		block, ok := decl.(*ast.GenDecl)
		if !ok || block.Tok != token.CONST {
			continue
		}
		var names []string
		for _, spec := range block.Specs {
			if value, ok := spec.(*ast.ValueSpec); ok {
				names = append(names, value.Names[0].Name)
			}
		}
		if names[0] == first {
			return names
		}
	}
	t.Fatalf("%s has no block of constants that begins with %s", file, first)
	return nil
}

// goName makes MAX_PATH of a table the MaxPath of the code, letter case aside.
func goName(parts ...string) string {
	return strings.ToLower(strings.ReplaceAll(strings.Join(parts, ""), "_", ""))
}

// lower returns m with its keys in lower case, and checks that they are the
// constants that the code declares: what a table lacks, m must not lack too.
func lower(t *testing.T, m map[string]uint64, declared []string) map[string]uint64 {
	t.Helper()
	slices.Sort(declared)
	if diff := cmp.Diff(declared, slices.Sorted(maps.Keys(m))); diff != "" {
		t.Errorf("this test and the code disagree (-code +test):\n%s", diff)
	}
	low := map[string]uint64{}
	for k, v := range m {
		low[goName(k)] = v
	}
	return low
}

func TestSpecFlags(t *testing.T) {
	spec := map[string]uint64{}
	bits := map[string]Flags{}
	names := map[string][]string{}
	for _, row := range specRows(t, "Flags", "bit") {
		spec[goName(row["opcode"], row["name"])] = number(t, row["bit"])
		bits[row["opcode"]] |= Flags(number(t, row["bit"]))
		names[row["opcode"]] = append(names[row["opcode"]], row["name"])
	}
	code := lower(t, map[string]uint64{
		"ListRecursive": uint64(ListRecursive), "StatNoFollow": uint64(StatNoFollow), "GetIfMatch": uint64(GetIfMatch),
		"PutCreateOnly": uint64(PutCreateOnly), "PutIfMatch": uint64(PutIfMatch), "PutEager": uint64(PutEager), "PutParents": uint64(PutParents),
		"PutSpread": uint64(PutSpread), "PutJoin": uint64(PutJoin), "ReadySpread": uint64(ReadySpread),
		"MkdirParents": uint64(MkdirParents), "RemoveRecursive": uint64(RemoveRecursive),
		"RenameNoReplace": uint64(RenameNoReplace), "RenameParents": uint64(RenameParents), "ReadyRestarted": uint64(ReadyRestarted), "ReadyAgain": uint64(ReadyAgain),
	}, constants(t, "header.go", "ListRecursive"))
	same(t, spec, code)
	for _, row := range specRows(t, "Opcodes", "sent by") {
		if want := strings.Join(names[row["name"]], " "); row["flags"] != want {
			t.Errorf("%s has the flags %q in the table of opcodes and %q in that of flags", row["name"], row["flags"], want)
		}
	}
	for _, row := range opcodes {
		if row.flags != bits[row.name] {
			t.Errorf("%s allows the flags 0x%04x, and SPEC.md 0x%04x", row.name, row.flags, bits[row.name])
		}
	}
}

func TestSpecLimits(t *testing.T) {
	spec := map[string]uint64{}
	for _, row := range specRows(t, "Limits", "value") {
		spec[goName(row["name"])] = number(t, row["value"])
	}
	same(t, spec, lower(t, map[string]uint64{
		"BlockSize": BlockSize, "MaxControlPayload": MaxControlPayload, "MaxDataPayload": MaxDataPayload,
		"MaxPath": MaxPath, "MaxName": MaxName, "MaxAgent": MaxAgent, "MaxSentence": MaxSentence, "MaxPing": MaxPing,
		"MaxUser": MaxUser, "MaxSecret": MaxSecret, "MaxKey": MaxKey, "MaxSignature": MaxSignature,
		"MaxFileSize": MaxFileSize, "DefaultInFlight": DefaultInFlight, "DefaultPort": DefaultPort,
	}, constants(t, "limits.go", "BlockSize")))
}

func TestSpecCodes(t *testing.T) {
	spec, code := map[uint64]string{}, map[uint64]string{}
	for _, row := range specRows(t, "Error codes", "number") {
		spec[number(t, row["number"])] = row["name"]
		if row["meaning"] == "" || row["retry"] != "yes" && row["retry"] != "no" {
			t.Errorf("%s lacks a meaning or says %q of retries", row["name"], row["retry"])
		}
	}
	for c := 1; c < len(codeNames); c++ {
		code[uint64(c)] = Code(c).String()
	}
	same(t, spec, code)
	for i, name := range constants(t, "status.go", "NotFound") {
		if goName(name) != goName(spec[uint64(i+1)]) {
			t.Errorf("code %d is %s in the code and %s in SPEC.md", i+1, name, spec[uint64(i+1)])
		}
	}
}

func TestSpecKindsAndFeatures(t *testing.T) {
	kinds, features := map[string]uint64{}, map[string]uint64{}
	for _, row := range specRows(t, "META", "number") {
		kinds[goName(row["kind"])] = number(t, row["number"])
	}
	for _, row := range specRows(t, "WELCOME", "bit") {
		features[goName("Feature", row["feature"])] = number(t, row["bit"])
	}
	same(t, kinds, lower(t, map[string]uint64{
		"File": uint64(File), "Directory": uint64(Directory), "Symlink": uint64(Symlink), "Special": uint64(Special),
	}, constants(t, "message_reply.go", "File")))
	same(t, features, lower(t, map[string]uint64{
		"FeatureReadOnly": uint64(FeatureReadOnly), "FeatureDurable": uint64(FeatureDurable),
		"FeatureLogin": uint64(FeatureLogin), "FeatureNoAnonymous": uint64(FeatureNoAnonymous),
	}, constants(t, "message_connection.go", "FeatureReadOnly")))
}

// specField is a row of the table of a message.
type specField struct {
	name     string
	min, max uint64
}

// specMessages returns the fields of each message, by opcode name.
func specMessages(t *testing.T) map[string][]specField {
	t.Helper()
	messages := map[string][]specField{"CANCEL": nil, "BYE": nil, "SYNC": {{"reserved", 0, MaxControlPayload}}}
	for _, table := range specTables(t) {
		if table.columns[0] != "size" {
			continue
		}
		var fields []specField
		for _, row := range table.rows {
			low, high, varies := strings.Cut(row["size"], "..")
			if !varies {
				high = low
			}
			fields = append(fields, specField{row["field"], number(t, low), number(t, high)})
		}
		for name := range strings.SplitSeq(table.section, ", ") {
			messages[name] = fields
		}
	}
	return messages
}

func TestSpecPayloads(t *testing.T) {
	messages := specMessages(t)
	for op := range opcodes {
		row, ok := Opcode(op).row()
		if !ok {
			continue
		}
		fields, ok := messages[row.name]
		if !ok {
			t.Errorf("SPEC.md has no payload of %s", row.name)
		}
		var least, most uint64
		for _, f := range fields {
			least, most = least+f.min, most+f.max
		}
		if least != uint64(row.minPayload) || most != uint64(row.maxPayload) {
			t.Errorf("the fields of %s have %d to %d bytes, its payload %d to %d", row.name, least, most, row.minPayload, row.maxPayload)
		}
		delete(messages, row.name)
	}
	var least uint64
	for _, f := range messages["Entry"] {
		least += f.min
	}
	if e := (&Entry{}).wireLen(); least != uint64(e) {
		t.Errorf("an entry has at least %d bytes in SPEC.md, %d in the code", least, e)
	}
	delete(messages, "Entry")
	for name := range messages {
		t.Errorf("SPEC.md has a payload of %s, which is no opcode", name)
	}
}

// TestSpecFields compares the names, order and sizes of fields with those of
// the golden frames, which in turn are compared with the messages.
func TestSpecFields(t *testing.T) {
	messages := specMessages(t)
	for _, g := range append(goldens(t, "legal-"), goldens(t, "session-")...) {
		name := Opcode(g.fields[1].bytes[0]).String()
		rows := messages[name]
		if name == OpEntries.String() {
			rows = messages["Entry"]
		}
		rest := g.fields[7:]
		for len(rest) > 0 {
			before := len(rest)
			for _, f := range rows {
				if len(rest) > 0 && rest[0].name == f.name && f.min <= uint64(len(rest[0].bytes)) && uint64(len(rest[0].bytes)) <= f.max {
					rest = rest[1:]
				} else if f.min > 0 {
					t.Fatalf("%s lacks %s", g.name, f.name)
				}
			}
			if len(rest) == before {
				t.Fatalf("%s has a field %s that SPEC.md does not", g.name, rest[0].name)
			}
		}
	}
}

func TestSpecDigests(t *testing.T) {
	rows := specRows(t, "Blocks and digests", "file digest")
	if len(rows) != 4 {
		t.Errorf("%d vectors", len(rows))
	}
	for _, row := range rows {
		size := int(number(t, row["bytes"]))
		var tree Tree
		var blocks []string
		for _, piece := range cut(pattern(size), 0, size) {
			blocks = append(blocks, BlockDigest(piece).String())
			tree.Add(BlockDigest(piece), len(piece))
		}
		if got := strings.Join(blocks, " "); got != row["block digests"] || tree.Sum().String() != row["file digest"] {
			t.Errorf("%d bytes have the blocks %s and the digest %s", size, got, tree.Sum())
		}
	}
}

// TestSpecResumed holds the digests of PUTs that continue.
func TestSpecResumed(t *testing.T) {
	rows := specRows(t, "Blocks and digests", "READY's digest")
	if len(rows) != 2 {
		t.Errorf("%d vectors", len(rows))
	}
	for _, row := range rows {
		size, offset := int(number(t, row["bytes"])), int(number(t, row["offset"]))
		var before, tree Tree
		for _, piece := range cut(pattern(size), 0, offset) {
			before.Add(BlockDigest(piece), len(piece))
		}
		tree.Continue(uint64(offset), before.Sum())
		for _, piece := range cut(pattern(size), offset, size) {
			tree.Add(BlockDigest(piece), len(piece))
		}
		if before.Sum().String() != row["READY's digest"] || tree.Sum().String() != row["END's digest"] || tree.Size() != uint64(size) {
			t.Errorf("%d bytes from %d: %s, %s", size, offset, before.Sum(), tree.Sum())
		}
	}
}

func TestSpecExample(t *testing.T) {
	_, example, ok := strings.Cut(specText(t), "\n## Worked example\n")
	if !ok {
		t.Fatal("there is no example")
	}
	var frames []string
	for line := range strings.Lines(example) {
		words := strings.Fields(line)
		switch {
		case !strings.HasPrefix(line, "    ") || len(words) == 0:
		case words[0] == "C" || words[0] == "S":
			frames = append(frames, words[0]+" "+words[1]+" "+strings.Join(words[2:], ""))
		case len(frames) > 0:
			frames[len(frames)-1] += strings.Join(words, "")
		}
	}
	var want []string
	for _, g := range goldens(t, "session-") {
		sender := map[Side]string{Client: "C", Server: "S"}[g.from]
		want = append(want, fmt.Sprintf("%s %s %s", sender, Opcode(g.bytes()[1]), hex.EncodeToString(g.bytes())))
	}
	if diff := cmp.Diff(want, frames); diff != "" {
		t.Errorf("the example is not the golden session (-golden +SPEC.md):\n%s", diff)
	}
}

// TestSpecProse holds the numbers that stand in sentences.
func TestSpecProse(t *testing.T) {
	spec := strings.Join(strings.Fields(specText(t)), " ")
	for _, words := range []string{
		fmt.Sprintf("`% x`", magic),
		fmt.Sprintf("default port is %d", DefaultPort),
		fmt.Sprintf("label %#q", LoginExporter),
		fmt.Sprintf("%d bytes of keying material", LoginExporterLen),
		fmt.Sprintf("a header of %d bytes", HeaderLen),
		fmt.Sprintf("component of more than %d bytes", MaxName),
		fmt.Sprintf("path field of more than %d bytes", MaxPath),
		fmt.Sprintf("the offset is a multiple of %d", BlockSize),
		fmt.Sprintf("bytes 0 to %d, %d to %d", BlockSize-1, BlockSize, 2*BlockSize-1),
	} {
		if !strings.Contains(spec, words) {
			t.Errorf("SPEC.md does not say %q", words)
		}
	}
	if uint64(MaxFileSize) != 1<<63-1 || uint64(SizeUnknown) != math.MaxUint64 || NoTime != math.MinInt64 || modeMask != 0o777 {
		t.Error("2^63-1, 2^64-1, -2^63 or 0777 of SPEC.md is another number in the code")
	}
}
