package session

import (
	"ftpd/server/reactor"
	"ftpd/server/storage"
)

// storer has the small PUTs of a session that are there with all their bytes. Those
// that have arrived together go to one job, and wait for the disk together.
type storer struct{ waiting []*put }

func (st *storer) add(p *put) { st.waiting = append(st.waiting, p) }

// start starts jobs for what waits.
func (st *storer) start(s *Session) {
	for len(st.waiting) > 0 {
		n := min(len(st.waiting), batchMax)
		job := &storeFiles{storage: s.account.Storage, puts: st.waiting[:n:n]}
		if st.waiting = st.waiting[n:]; len(st.waiting) == 0 {
			st.waiting = nil
		}
		s.offload(reactor.Commit, job)
	}
}

// storeFiles verifies and stores several small files.
type storeFiles struct {
	storage storage.Storage
	puts    []*put
	stored  []storage.Stored // of each
}

// Run is part of reactor.Job.
func (j *storeFiles) Run() {
	j.stored = make([]storage.Stored, len(j.puts))
	files := make([]storage.Whole, 0, len(j.puts))
	places := make([]int, 0, len(j.puts))
	for i, p := range j.puts {
		w, err := p.whole()
		if err != nil {
			j.stored[i].Err = err
			continue
		}
		files, places = append(files, w), append(places, i)
	}
	for n, stored := range j.storage.StoreEach(files) {
		j.stored[places[n]] = stored
	}
}

// whole returns the file that a small PUT has brought, which is of one block at most.
func (p *put) whole() (w storage.Whole, err error) {
	w = storage.Whole{Path: p.path, Attributes: p.attributes()}
	if w.CreateOptions, err = p.options(); err != nil {
		return w, err
	}
	for _, b := range p.waiting {
		if !b.Verify() {
			return w, errDamaged
		}
		w.Content, w.Digest = b.Bytes, storage.Digest(b.Digest)
	}
	return w, nil
}

// finish is part of job.
func (j *storeFiles) finish(s *Session) {
	for i, p := range j.puts {
		p.stored(s, j.stored[i].Info, j.stored[i].Err)
	}
}
