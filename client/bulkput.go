package client

import (
	"time"

	"ftpd/protocol"
)

// The small files of a PutTree, in bulk.
func (t *treePutter) direction() direction {
	if t.options.CreateOnly { // what one try has stored would fail the next
		return nil
	}
	return t
}

func (t *treePutter) depart(f *flight) bool {
	b := getBuffer(protocol.ControlBuffer)
	info, err := t.load(f.job.path, b.b[protocol.DataOverhead:][:bulkSize+1])
	if err == nil {
		f.op, f.replies = "put", &putReplies
		err = f.bulk.conn.begin(t.ctx, &f.request)
	}
	if err != nil {
		b.free()
		return false
	}
	n := int(info.Size)
	var tree protocol.Tree
	frames := b.b[:0]
	if n > 0 {
		frames = b.b[:protocol.DataOverhead+n]
		digest := protocol.BlockDigest(frames[protocol.DataOverhead:])
		protocol.PutDataHeader(frames, f.id, 0, digest, n)
		tree.Add(digest, n)
	}
	f.result = Result{Path: f.path, Size: info.Size, Mtime: info.Mtime, Mode: info.Mode, Digest: tree.Sum()}
	frames = protocol.Append(frames, f.id, protocol.End{Size: uint64(n), Algorithm: protocol.XXH3Tree, Digest: f.result.Digest})
	f.patient.Store(true)
	f.conn.sender.lineEager(f.id, protocol.Put{
		Flags: protocol.PutParents | protocol.PutEager,
		Path:  f.path, Size: uint64(n), Mtime: wireTime(f.result.Mtime), Mode: wireMode(f.result.Mode),
	}, frames, b)
	return true
}

// load reads the file at a path.
func (t *treePutter) load(path string, b []byte) (Info, error) {
	dir, name := split(path)
	in, err := t.dirs.use(dir)
	if err != nil {
		return Info{}, err
	}
	defer t.dirs.release(in)
	return in.load(name, b)
}

func (t *treePutter) arrive(f *flight) bool {
	if f.n != 1 || f.came[0].opcode != protocol.OpOK {
		return false
	}
	ok, err := decode[protocol.OK](&f.request, f.came[0])
	if err != nil || ok.Count != uint64(f.result.Size) {
		return false
	}
	f.result.ETag, f.result.Duration = uint64(ok.ETag), time.Since(f.begun)
	return true
}
