package client

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"ftpd/protocol"
)

// honest is a small lawful server in memory, for what a real one cannot be
// made to do: send at odd sizes, or count what is in flight.
type honest struct {
	*peer
	mu      sync.Mutex
	files   map[string][]byte
	open    atomic.Int32
	most    atomic.Int32
	running sync.WaitGroup
	puts    map[uint32]*honestPut
	gate    chan struct{} // when not nil, replies wait for it

	// behindCancel has STAT and PUT answered only behind the next CANCEL;
	// without it none may come.
	behindCancel bool
	behind       []func()
	gets         []protocol.Get
	cancelled    map[uint32]bool // guarded by mu
}

type honestPut struct {
	message protocol.Put
	content []byte
}

func newHonest(p *peer, files map[string][]byte) *honest {
	return &honest{peer: p, files: files, puts: map[uint32]*honestPut{}, cancelled: map[uint32]bool{}}
}

// serve answers until the client has gone.
func (h *honest) serve() {
	defer h.running.Wait()
	for {
		f, ok := h.next()
		if !ok {
			return
		}
		switch f.Opcode {
		case protocol.OpBye:
			continue
		case protocol.OpPing:
			h.pong(f)
		case protocol.OpPut:
			h.enter()
			h.put(f)
		case protocol.OpData:
			m := decoded[protocol.Data](h.peer, f)
			put := h.puts[f.Request]
			if !m.Verify() || m.Offset != uint64(len(put.content)) {
				h.t.Errorf("DATA at %d is damaged or out of order", m.Offset)
			}
			put.content = append(put.content, m.Bytes...)
		case protocol.OpEnd:
			h.end(f)
		case protocol.OpCancel:
			h.cancel(f.Request)
		default:
			h.enter()
			if f.Opcode == protocol.OpGet {
				h.gets = append(h.gets, decoded[protocol.Get](h.peer, f))
			}
			h.later(f.Opcode == protocol.OpStat, func() { h.answer(f) })
		}
	}
}

// later runs do now, or behind the next CANCEL.
func (h *honest) later(waits bool, do func()) {
	if waits && h.behindCancel {
		h.behind = append(h.behind, do)
		return
	}
	h.running.Go(do)
}

func (h *honest) cancel(request uint32) {
	if !h.behindCancel {
		h.t.Error("CANCEL came")
	}
	h.mu.Lock()
	h.cancelled[request] = true
	h.mu.Unlock()
	for _, do := range h.behind {
		h.running.Go(do)
	}
	h.behind = nil
}

func (h *honest) isCancelled(request uint32) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.cancelled[request]
}

// enter counts a request in flight.
func (h *honest) enter() {
	now := h.open.Add(1)
	for most := h.most.Load(); now > most && !h.most.CompareAndSwap(most, now); most = h.most.Load() {
	}
}

// leave counts down before the last reply is sent, so that a request sent
// because of it is not counted with it.
func (h *honest) leave() { h.open.Add(-1) }

func (h *honest) put(f protocol.Frame) {
	m := decoded[protocol.Put](h.peer, f)
	h.puts[f.Request] = &honestPut{message: m}
	if m.Flags&protocol.PutEager == 0 {
		h.later(true, func() { h.send(f.Request, protocol.Ready{}) })
	}
}

func (h *honest) end(f protocol.Frame) {
	put := h.puts[f.Request]
	delete(h.puts, f.Request)
	m := decoded[protocol.End](h.peer, f)
	size := put.message.Size
	if m.Size != uint64(len(put.content)) || size != protocol.SizeUnknown && size != m.Size || m.Digest != treeOf(put.content) {
		h.t.Errorf("END of %q tells of %d bytes, %d came", put.message.Path, m.Size, len(put.content))
	}
	h.mu.Lock()
	h.files[put.message.Path] = put.content
	h.mu.Unlock()
	h.running.Go(func() {
		h.leave()
		h.send(f.Request, protocol.OK{Count: m.Size, ETag: 7})
	})
}

func (h *honest) answer(f protocol.Frame) {
	if h.gate != nil {
		<-h.gate
	}
	switch f.Opcode {
	case protocol.OpGet:
		m := decoded[protocol.Get](h.peer, f)
		content, ok := h.content(m.Path)
		h.leave()
		if !ok {
			h.peer.fail(f.Request, protocol.NotFound)
			return
		}
		h.file(f.Request, content, m.Offset, func() bool { return h.isCancelled(f.Request) })
	case protocol.OpStat:
		m := decoded[protocol.Stat](h.peer, f)
		content, ok := h.content(m.Path)
		h.leave()
		if !ok && m.Path != "." {
			h.peer.fail(f.Request, protocol.NotFound)
			return
		}
		meta := metaOfFile(content)
		if !ok {
			meta.Kind, meta.Mode = protocol.Directory, 0o750
		}
		h.send(f.Request, meta)
	case protocol.OpList:
		h.list(f.Request)
	default:
		h.leave()
		h.send(f.Request, protocol.OK{Count: 1})
	}
}

func (h *honest) content(path string) ([]byte, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	content, ok := h.files[path]
	return content, ok
}

// list sends every file, one in a frame.
func (h *honest) list(request uint32) {
	h.mu.Lock()
	names := slices.Sorted(maps.Keys(h.files))
	h.mu.Unlock()
	count := 0
	for _, name := range names {
		if dir, _, ok := strings.Cut(name, "/"); ok {
			h.t.Errorf("the honest server has no directories, but %s", dir)
		}
		content, _ := h.content(name)
		h.send(request, protocol.Entries{List: []protocol.Entry{{Path: name, Meta: metaOfFile(content)}}})
		count++
	}
	h.leave()
	h.send(request, protocol.OK{Count: uint64(count)})
}
