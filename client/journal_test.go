package client

import (
	"bytes"
	"strings"
	"testing"

	"ftpd/protocol"
)

var someOrigin = origin{address: "127.0.0.1:2120", path: "dir/f\xff", size: 5*bs + 1, etag: 7, boot: "now"}

// What was written of a journal is read again.
func TestJournal(t *testing.T) {
	for _, o := range []origin{someOrigin, {size: bs + 1, etag: 1}} {
		head := o.head()
		got, length, err := readHead(strings.NewReader(string(head) + "digests"))
		if err != nil || got != o || length != int64(len(head)) {
			t.Errorf("%+v, %d, %v", got, length, err)
		}
	}
}

// A head that is cut anywhere, or has a changed byte, is none.
func TestJournalDamaged(t *testing.T) {
	head := someOrigin.head()
	for i := range head {
		if _, _, err := readHead(bytes.NewReader(head[:i])); err == nil {
			t.Errorf("cut at %d it is read", i)
		}
		damaged := bytes.Clone(head)
		damaged[i] ^= 1
		if _, _, err := readHead(bytes.NewReader(damaged)); err == nil {
			t.Errorf("changed at %d it is read", i)
		}
	}
	another := bytes.Clone(head[:len(head)-protocol.DigestLen])
	another[len(journalMagic)-1]++
	digest := protocol.BlockDigest(another)
	if _, _, err := readHead(bytes.NewReader(append(another, digest[:]...))); err == nil {
		t.Error("one of another version is read")
	}
	for what, o := range map[string]origin{
		"a small file": {size: bs, etag: 1}, "no etag": {size: bs + 1}, "a negative size": {size: -1, etag: 1},
	} {
		if _, _, err := readHead(bytes.NewReader(o.head())); err == nil {
			t.Errorf("%s is read", what)
		}
	}
}

// Digests count up to the first that is not whole, or not that of the part.
func TestReplay(t *testing.T) {
	content := bytesOf(3*bs + 5)
	var journal []byte
	for i := range 3 {
		digest := protocol.BlockDigest(content[i*bs:][:bs])
		journal = append(journal, digest[:]...)
	}
	damaged := bytes.Clone(content)
	damaged[bs+1] ^= 1
	for _, test := range []struct {
		what    string
		journal []byte
		part    []byte // nil is trusted
		limit   int64
		want    int64
	}{
		{"all", journal, nil, 9, 3},
		{"none", nil, nil, 9, 0},
		{"a torn tail", journal[:2*16+15], nil, 9, 2},
		{"a shorter part", journal, nil, 1, 1},
		{"all, compared", journal, content, 9, 3},
		{"a damaged block", journal, damaged, 9, 1},
		{"a part that ends", journal, content[:2*bs+3], 9, 2},
	} {
		var tree protocol.Tree
		var part *bytes.Reader
		var got int64
		if test.part == nil {
			got = replay(bytes.NewReader(test.journal), nil, test.limit, &tree)
		} else {
			part = bytes.NewReader(test.part)
			got = replay(bytes.NewReader(test.journal), part, test.limit, &tree)
		}
		if got != test.want || tree.Sum() != treeOf(content[:test.want*bs]) || tree.Size() != uint64(test.want*bs) {
			t.Errorf("%s: %d blocks, %d bytes", test.what, got, tree.Size())
		}
	}
}

// Every run finds the same names, and no two targets have the same.
func TestKeptNames(t *testing.T) {
	long := strings.Repeat("ä", 127) // 254 bytes
	for name, want := range map[string]string{
		"f":                      ".f.ftpc-part",
		strings.Repeat("a", 244): "." + strings.Repeat("a", 244) + ".ftpc-part",
	} {
		if got := keptName(name, partSuffix); got != want {
			t.Errorf("%s has %s", name, got)
		}
	}
	seen := map[string]bool{}
	for _, name := range []string{long + "a", long + "b", strings.Repeat("a", 245), strings.Repeat("a", 255)} {
		for _, suffix := range []string{partSuffix, journalSuffix} {
			got := keptName(name, suffix)
			if len(got) > 255 || seen[got] || !strings.HasSuffix(got, suffix) || strings.ToValidUTF8(got, "") != got {
				t.Errorf("%q has %q", name, got)
			}
			seen[got] = true
		}
	}
	if got := partName(long); len(got) > 255 || strings.ToValidUTF8(got, "") != got {
		t.Errorf("%q", got)
	}
}
