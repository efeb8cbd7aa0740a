package session_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"ftpd/protocol"
	"ftpd/server/storage"
	"ftpd/server/storage/faulty"
	"ftpd/server/storage/local"
)

// byRequest gathers the replies of each request.
func byRequest(list []protocol.Frame) map[uint32][]protocol.Frame {
	replies := map[uint32][]protocol.Frame{}
	for _, f := range list {
		replies[f.Request] = append(replies[f.Request], f)
	}
	return replies
}

// wantContent fails the test unless the replies to a GET bring a file of one block.
func wantContent(t *testing.T, replies []protocol.Frame, content string) {
	t.Helper()
	if got := fmt.Sprint(names(replies)); got != "[META DATA END]" {
		t.Errorf("a file was answered with %s", got)
		return
	}
	if data := decode[protocol.Data](t, replies[1]); string(data.Bytes) != content || !data.Verify() {
		t.Errorf("%d bytes came, not those of the file", len(data.Bytes))
	}
}

func get(id uint32, path string) []byte {
	return protocol.Append(nil, id, protocol.Get{Length: protocol.SizeUnknown, Path: path})
}

// TestGetsTogether has many small files asked for at once: few jobs answer them all,
// and what one of them meets is not the others' business.
func TestGetsTogether(t *testing.T) {
	h := greeted(t)
	var frames []byte
	want := map[uint32]string{}
	for id := uint32(1); id <= 55; id++ {
		path := fmt.Sprintf("d%d/f%d", id%3, id)
		want[id] = text(int(id) * 200) // up to 12 KB: sixteen of the last do not fit into one job's buffer
		h.write(path, want[id])
		frames = append(frames, get(id, path)...)
	}
	h.write("large", text(3*protocol.BlockSize))
	h.write("empty", "")
	frames = append(frames, join(get(56, "large"), get(57, "missing"), get(58, "d1"), get(59, "empty"),
		protocol.Append(nil, 60, protocol.Get{Length: protocol.SizeUnknown, Path: "empty", Flags: protocol.GetIfMatch, ETag: 1}))...)
	h.feed(frames)
	if len(h.jobs) > 7 {
		t.Errorf("%d jobs were started for 60 files", len(h.jobs))
	}
	replies := byRequest(h.exchange(nil))
	for id, content := range want {
		wantContent(t, replies[id], content)
	}
	for id, want := range map[uint32]string{
		56: "[META DATA DATA DATA END]", 57: "[ERROR not_found]", 58: "[ERROR is_directory]", 59: "[META END]", 60: "[ERROR changed]",
	} {
		if got := fmt.Sprint(names(replies[id])); got != want {
			t.Errorf("request %d was answered with %s, want %s", id, got, want)
		}
	}
}

// TestCancelOneOfSeveral cancels GETs that a job is at work on: each is answered once,
// and the others get their files.
func TestCancelOneOfSeveral(t *testing.T) {
	h := greeted(t)
	var frames []byte
	for id := uint32(1); id <= 8; id++ {
		h.write(fmt.Sprintf("f%d", id), text(int(id)*100))
		frames = append(frames, get(id, fmt.Sprintf("f%d", id))...)
	}
	h.feed(frames)
	for _, id := range []uint32{1, 4, 8} {
		h.feed(protocol.Append(nil, id, protocol.Cancel{}))
	}
	replies := byRequest(h.exchange(nil))
	for id := uint32(1); id <= 8; id++ {
		if id == 1 || id == 4 || id == 8 {
			if got := fmt.Sprint(names(replies[id])); got != "[ERROR cancelled]" {
				t.Errorf("request %d, which was cancelled, was answered with %s", id, got)
			}
			continue
		}
		wantContent(t, replies[id], text(int(id)*100))
	}
}

// TestSlowFilesApart has a disk that takes its time for each file: a job that has
// met it leaves the others to other workers.
func TestSlowFilesApart(t *testing.T) {
	root := t.TempDir()
	store, err := local.Open(root, local.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	opened := 0
	h := newHarnessOn(t, root, faulty.New(store, faulty.Hooks{Before: func(op faulty.Op, _ storage.Path) error {
		if op == faulty.Open {
			opened++
			for begun := time.Now(); time.Since(begun) < 2*time.Millisecond; {
			}
		}
		return nil
	}}))
	t.Cleanup(func() { _ = store.Close() })
	h.greet()
	var frames []byte
	for id := uint32(1); id <= 12; id++ {
		h.write(fmt.Sprintf("f%d", id), text(100))
		frames = append(frames, get(id, fmt.Sprintf("f%d", id))...)
	}
	h.feed(frames)
	h.step(0)
	if opened != 1 || len(h.jobs) != 11 {
		t.Errorf("a slow job opened %d files, and %d jobs are out for 11 others", opened, len(h.jobs))
	}
	replies := byRequest(h.exchange(nil))
	for id := uint32(1); id <= 12; id++ {
		wantContent(t, replies[id], text(100))
	}
}

// TestOpenFilesAreClosed has files of which few fit into the buffer of a job, so that many
// are left open for the next, while several jobs come back in any order.
func TestOpenFilesAreClosed(t *testing.T) {
	root := t.TempDir()
	store, err := local.Open(root, local.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	opened, closed := 0, 0
	h := newHarnessOn(t, root, faulty.New(store, faulty.Hooks{After: func(op faulty.Op, _ storage.Path) error {
		switch op {
		case faulty.Open:
			opened++
		case faulty.FileClose:
			closed++
		}
		return nil
	}}))
	t.Cleanup(func() { _ = store.Close() })
	h.greet()
	random := rand.New(rand.NewPCG(1, 2))
	var frames []byte
	for id := uint32(1); id <= 60; id++ {
		h.write(fmt.Sprintf("f%d", id), text(40_000))
		frames = append(frames, get(id, fmt.Sprintf("f%d", id))...)
	}
	h.share = 512 << 10 // so that some wait while others are left open
	h.feed(frames)
	h.blocked = true
	h.shuffle(random)
	h.blocked = false
	replies := byRequest(h.exchange(nil))
	for id := uint32(1); id <= 60; id++ {
		wantContent(t, replies[id], text(40_000))
	}
	if opened != closed {
		t.Errorf("%d files were opened and %d closed", opened, closed)
	}
}

// TestPutsTogether has many small files sent at once: few jobs store them, and one that
// cannot be stored is not the others' business.
func TestPutsTogether(t *testing.T) {
	h := greeted(t)
	h.write("taken", "old")
	var frames []byte
	for id := uint32(1); id <= 40; id++ {
		frames = append(frames, sent(id, protocol.Put{
			Flags: protocol.PutEager | protocol.PutParents, Size: 1000, Mtime: 1, Path: fmt.Sprintf("d%d/f%d", id%3, id),
		}, text(1000))...)
	}
	frames = append(frames, sent(41, protocol.Put{Flags: protocol.PutEager | protocol.PutCreateOnly, Size: 1000, Mtime: 1, Path: "taken"}, text(1000))...)
	damaged := sent(42, protocol.Put{Flags: protocol.PutEager, Size: 1000, Mtime: 1, Path: "damaged"}, text(1000))
	damaged[len(damaged)-600] ^= 1
	frames = append(frames, damaged...)
	h.feed(frames)
	if len(h.jobs) > 4 {
		t.Errorf("%d jobs were started for 42 files", len(h.jobs))
	}
	replies := byRequest(h.exchange(nil))
	for id := uint32(1); id <= 40; id++ {
		if got := fmt.Sprint(names(replies[id])); got != "[OK]" {
			t.Errorf("request %d was answered with %s", id, got)
			continue
		}
		if h.read(fmt.Sprintf("d%d/f%d", id%3, id)) != text(1000) {
			t.Errorf("the file of request %d is not what was sent", id)
		}
	}
	for id, want := range map[uint32]string{41: "[ERROR exists]", 42: "[ERROR integrity]"} {
		if got := fmt.Sprint(names(replies[id])); got != want {
			t.Errorf("request %d was answered with %s, want %s", id, got, want)
		}
	}
	if h.read("taken") != "old" {
		t.Error("a file that was there was replaced")
	}
}
