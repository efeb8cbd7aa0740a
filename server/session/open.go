package session

import (
	"errors"
	"slices"

	"ftpd/protocol"
	"ftpd/server/reactor"
	"ftpd/server/storage"
)

const (
	// inlineMax is the size of range that travels whole in the reply's first
	// buffer, so that a small file is one job and leaves in one write, in bytes.
	inlineMax = 64 << 10
	// batchMax bounds the small files that one job opens, or stores.
	batchMax = 16
	// metaAndEnd is room for META and END of a regular file and the header of a
	// block between them.
	metaAndEnd = 256
)

// errNoRoom is that the buffer of a job is full.
var errNoRoom = errors.New("no room for the reply")

// opener has the GETs of a session that wait for their file to be opened. Those that
// have arrived together go to one job, which costs one hand-over to a worker, one look
// at the directory and one write.
type opener struct {
	waiting []*get
	slow    bool // the last job met files that take long
}

// add puts a GET in line.
func (o *opener) add(s *Session, g *get) {
	g.lined = true
	o.waiting = append(o.waiting, g)
	s.enqueue(o)
}

// drop takes a GET out of line, if it is in it.
func (o *opener) drop(g *get) {
	if !g.lined {
		return // or thousands of others would be looked through for each that ends
	}
	g.lined = false
	i := slices.Index(o.waiting, g)
	o.waiting = slices.Delete(o.waiting, i, i+1)
}

// wants is part of producer.
func (o *opener) wants() int {
	if len(o.waiting) == 0 {
		return 0
	}
	return inlineMax + protocol.ControlBuffer - protocol.MaxControlPayload
}

// produce is part of producer.
func (o *opener) produce(s *Session, buffer *reactor.Buffer) {
	n := min(batchMax, len(o.waiting))
	if o.slow {
		n = 1
	}
	for i := 1; i < n; i++ {
		if o.waiting[i].file != nil { // one that is open already has to be a job's first
			n = i
		}
	}
	job := &openFiles{storage: s.account.Storage, buffer: buffer, files: make([]opened, n)}
	for i, g := range o.waiting[:n] {
		g.jobs++
		g.lined = false
		job.files[i].get = g
	}
	if o.waiting = o.waiting[n:]; len(o.waiting) == 0 {
		o.waiting = nil
	}
	s.offload(reactor.Open, job)
}

// back puts the GETs that a job has left out in front of the line, and has the next
// job started where some wait.
func (o *opener) back(s *Session, left []*get, slow bool) {
	o.slow = slow
	for _, g := range left {
		g.lined = true
	}
	o.waiting = slices.Insert(o.waiting, 0, left...)
	if len(o.waiting) > 0 {
		s.enqueue(o)
	}
}

// opened is a GET in a job, and what came of it.
type opened struct {
	get  *get
	file storage.File // what is left to send comes from here; nil when nothing is
	info storage.Info
	n    int // bytes of the reply
	sent uint64
	err  error
}

// openFiles opens the files of several GETs and makes the start of each reply: all of
// it where the range is small.
type openFiles struct {
	storage storage.Storage
	buffer  *reactor.Buffer
	files   []opened
	done    int  // of files; the others are to be opened by another job
	n       int  // bytes of replies in buffer
	slow    bool // the storage had enough of it
}

// Run is part of reactor.Job.
func (j *openFiles) Run() {
	if j.files[0].get.file != nil { // it had no room in the last job
		j.take(0, j.files[0].get.file, nil)
	}
	first := j.done
	paths := make([]storage.Path, 0, batchMax)
	for _, f := range j.files[first:] {
		paths = append(paths, f.get.path)
	}
	full := false
	j.storage.OpenEach(paths, func(i int, file storage.File, err error) bool {
		full = !j.take(first+i, file, err)
		return !full
	})
	j.slow = !full && j.done < len(j.files)
}

// take makes the reply of a file, if there is room for it, and reports whether there was.
func (j *openFiles) take(i int, file storage.File, err error) bool {
	f := &j.files[i]
	if f.err = err; err == nil {
		f.info = file.Info()
		f.err = j.start(f, file)
	}
	switch {
	case errors.Is(f.err, errNoRoom):
		f.err, f.file = nil, file
		return false
	case f.err != nil:
		f.n, f.file = 0, nil
	}
	if f.file == nil && file != nil {
		_ = file.Close() // it was only read
	}
	j.n += f.n
	j.done++
	return true
}

// start makes the start of a reply.
func (j *openFiles) start(f *opened, file storage.File) error {
	m := &f.get.request
	if m.Flags&protocol.GetIfMatch != 0 && f.info.ETag != uint64(m.ETag) {
		return storage.ErrChanged
	}
	begin, end := span(m, uint64(f.info.Size))
	small := end-begin <= inlineMax
	if need := metaAndEnd + int(end-begin); small && j.n > 0 && need > len(j.buffer.Bytes)-j.n {
		return errNoRoom
	}
	reply := protocol.Append(j.buffer.Bytes[j.n:j.n], f.get.id, meta(f.info))
	f.n = len(reply)
	if !small {
		f.file = file
		return nil
	}
	return j.inline(f, file, begin, end)
}

// inline appends the whole range and END.
func (j *openFiles) inline(f *opened, file storage.File, begin, end uint64) error {
	var tree protocol.Tree
	for begin < end {
		n := int(protocol.BlockEnd(begin, end) - begin)
		digest, err := readBlock(file, j.buffer.Bytes[j.n+f.n:], f.get.id, begin, n, trustIn(begin, begin+uint64(n), uint64(f.info.Size), true))
		if err != nil {
			return err
		}
		tree.Add(digest, n)
		f.n += protocol.DataOverhead + n
		begin += uint64(n)
	}
	if err := unchanged(file, f.info.ETag); err != nil {
		return err
	}
	f.sent = tree.Size()
	f.n += len(protocol.Append(j.buffer.Bytes[j.n+f.n:][:0], f.get.id, endOf(&tree, f.info.ETag)))
	return nil
}

// finish is part of job.
func (j *openFiles) finish(s *Session) {
	if n := j.compact(); n > 0 {
		s.send(j.buffer, n)
	} else {
		s.unused(j.buffer)
	}
	for i := range j.files[:j.done] {
		j.files[i].finish(s)
	}
	s.opener.back(s, j.left(s), j.slow)
}

// compact leaves the replies that are still wanted, and returns their length.
func (j *openFiles) compact() int {
	from, to := 0, 0
	for i := range j.files[:j.done] {
		f := &j.files[i]
		if f.get.phase != getOver {
			if from != to {
				copy(j.buffer.Bytes[to:], j.buffer.Bytes[from:from+f.n])
			}
			to += f.n
		}
		from += f.n
	}
	return to
}

// left returns the GETs that are to be opened by another job.
func (j *openFiles) left(s *Session) []*get {
	var left []*get
	for i := range j.files[j.done:] {
		f := &j.files[j.done+i]
		g := f.get
		g.jobs--
		g.file = f.file
		if g.phase == getOver {
			g.over(s)
		} else {
			left = append(left, g)
		}
	}
	return left
}

// finish goes on with a GET whose reply has begun.
func (f *opened) finish(s *Session) {
	g := f.get
	g.jobs--
	g.file = f.file
	switch {
	case g.phase == getOver:
		g.over(s)
	case f.err != nil:
		g.fail(s, f.err)
	case f.file == nil:
		g.bytes = f.sent
		g.succeed(s)
	default:
		g.etag, g.size = f.info.ETag, uint64(f.info.Size)
		g.next, g.end = span(&g.request, g.size)
		g.phase = getSending
		s.enqueue(g)
	}
}

// span cuts the range of m to a file's size.
func span(m *protocol.Get, size uint64) (begin, end uint64) {
	begin, end = min(m.Offset, size), size
	if m.Length != protocol.SizeUnknown {
		end = min(size, begin+m.Length)
	}
	return begin, end
}
