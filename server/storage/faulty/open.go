package faulty

import "ftpd/server/storage"

type file struct {
	inner storage.File
	path  storage.Path
	hooks *Hooks
}

func (f *file) ReadAt(p []byte, offset int64) (n int, err error) {
	err = f.hooks.around(FileReadAt, f.path, func() (err error) {
		n, err = f.hooks.limited(FileReadAt, f.path, p, offset, f.inner.ReadAt)
		f.hooks.Damage(f.path, p[:n], offset)
		return err
	})
	return n, err
}

func (f *file) Info() storage.Info { return f.inner.Info() }

func (f *file) Stat() (info storage.Info, err error) {
	err = f.hooks.around(FileStat, f.path, func() (err error) {
		info, err = f.inner.Stat()
		return err
	})
	return info, err
}

func (f *file) Recall(block int64) (storage.Digest, bool) { return f.inner.Recall(block) }

func (f *file) Remember(block int64, digest storage.Digest) { f.inner.Remember(block, digest) }

func (f *file) Close() error { return f.hooks.closing(FileClose, f.path, f.inner.Close) }

type lister struct {
	inner storage.Lister
	path  storage.Path
	hooks *Hooks
}

func (l *lister) Next() (entry storage.Entry, err error) {
	err = l.hooks.around(ListNext, l.path, func() (err error) {
		entry, err = l.inner.Next()
		return err
	})
	return entry, err
}

func (l *lister) Close() error { return l.hooks.closing(ListClose, l.path, l.inner.Close) }

type staging struct {
	inner storage.Staging
	path  storage.Path
	hooks *Hooks
}

func (st *staging) WriteAt(p []byte, offset int64) (n int, err error) {
	err = st.hooks.around(StagingWriteAt, st.path, func() (err error) {
		n, err = st.hooks.limited(StagingWriteAt, st.path, p, offset, st.inner.WriteAt)
		return err
	})
	return n, err
}

// Commit keeps what the interface promises of a failed one: where Before
// fails, nothing is left behind.
func (st *staging) Commit(attributes storage.Attributes) (info storage.Info, err error) {
	if err := st.hooks.Before(StagingCommit, st.path); err != nil {
		_ = st.inner.Abort()
		return info, err
	}
	if info, err = st.inner.Commit(attributes); err != nil {
		return info, err
	}
	return info, st.hooks.After(StagingCommit, st.path)
}

func (st *staging) Abort() error { return st.hooks.closing(StagingAbort, st.path, st.inner.Abort) }

func (st *staging) Leave() error { return st.hooks.closing(StagingLeave, st.path, st.inner.Leave) }

func (st *staging) Marked() ([]storage.Digest, bool) { return st.inner.Marked() }

func (st *staging) Shared() bool { return st.inner.Shared() }

func (st *staging) Gather() ([]storage.Digest, error) { return st.inner.Gather() }

// joined counts as a staging file: a block is a write of it and a mark.
type joined struct {
	inner storage.Joined
	path  storage.Path
	hooks *Hooks
}

func (j *joined) WriteBlock(block int64, p []byte, digest storage.Digest) error {
	return j.hooks.around(StagingWriteAt, j.path, func() error {
		return j.hooks.around(StagingMark, j.path, func() error { return j.inner.WriteBlock(block, p, digest) })
	})
}

func (st *staging) Mark(block int64, digest storage.Digest) error {
	return st.hooks.around(StagingMark, st.path, func() error { return st.inner.Mark(block, digest) })
}

// limited does as much of a read or write as Limit lets it.
func (h *Hooks) limited(op Op, path storage.Path, p []byte, offset int64, do func([]byte, int64) (int, error)) (int, error) {
	length, cut := h.Limit(op, path, len(p))
	n, err := do(p[:min(length, len(p))], offset)
	if err == nil {
		err = cut
	}
	return n, err
}

// closing is around for what gives something up: it is given up even where
// Before fails, as close(2) does, so that a test leaks nothing.
func (h *Hooks) closing(op Op, path storage.Path, do func() error) error {
	before := h.Before(op, path)
	err := do()
	if before != nil {
		return before
	}
	if err != nil {
		return err
	}
	return h.After(op, path)
}
