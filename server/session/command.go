package session

import (
	"context"

	"ftpd/protocol"
	"ftpd/server/reactor"
	"ftpd/server/storage"
)

// command is a request that one job answers, or a look.
type command struct {
	entry
	stop   context.CancelFunc                          // ends a job that can be ended; nil for others
	look   func(storage.Path) (protocol.Message, bool) // for an answer without a job; nil if there is none
	isOver bool
}

func (c *command) waits() bool { return false }

// cancel asks the job to stop. The reply waits for it, so that nothing
// happens any more once the client has read it.
func (c *command) cancel(s *Session) {
	c.isOver = s.state == closed
	c.release()
}

// release ends the context of the job.
func (c *command) release() {
	if c.stop != nil {
		c.stop()
	}
}

// commandJob is the one job of a command.
type commandJob struct {
	command *command
	run     func() (protocol.Message, error)
	reply   protocol.Message
	err     error
}

// Run is part of reactor.Job.
func (j *commandJob) Run() { j.reply, j.err = j.run() }

// finish is part of job.
func (j *commandJob) finish(s *Session) {
	c := j.command
	c.release()
	switch {
	case c.isOver:
	case j.err != nil:
		s.fail(c.entry, j.err)
	default:
		reply(s, c.id, j.reply)
		s.succeed(c.entry)
	}
}

// begin gives a new request its place among those in flight and makes a Path
// of what the client named. A path that is not allowed, or a session that takes
// nothing new, or an account that may not, is the request's failure.
func (s *Session) begin(e entry, r request) (storage.Path, error) {
	s.add(e.id, r)
	if s.state == draining {
		return "", errTakesNoMore
	}
	if err := s.permit(e.op); err != nil {
		return "", err
	}
	return storage.ParsePath(e.path)
}

// command begins a request that run answers on a lane of the pool.
func (s *Session) command(c *command, lane reactor.Lane, run func(in storage.Storage, path storage.Path) (protocol.Message, error)) error {
	if err := s.admit(c.id); err != nil {
		return err
	}
	c.started = s.now
	path, err := s.begin(c.entry, c)
	if err != nil {
		c.release()
		s.fail(c.entry, err)
		return nil
	}
	if c.look != nil {
		if m, ok := c.look(path); ok {
			(&commandJob{command: c, reply: m}).finish(s)
			return nil
		}
	}
	in := s.account.Storage
	s.offload(lane, &commandJob{command: c, run: func() (protocol.Message, error) { return run(in, path) }})
	return nil
}

// stat is answered at once where storage has the answer in memory. A worker would have to be
// woken for it, which takes longer than the answer, and beside busy ones much longer.
func (s *Session) stat(id uint32, m protocol.Stat) error {
	c := &command{entry: entry{id: id, op: protocol.OpStat, path: m.Path}, look: s.statCached}
	return s.command(c, reactor.Quick, func(in storage.Storage, path storage.Path) (protocol.Message, error) {
		info, err := in.Stat(path, m.Flags&protocol.StatNoFollow == 0)
		return meta(info), err
	})
}

func (s *Session) statCached(path storage.Path) (protocol.Message, bool) {
	in, ok := s.account.Storage.(storage.Cached)
	if !ok || s.looks >= lookBudget {
		return nil, false
	}
	s.looks++
	info, ok := in.StatCached(path)
	return meta(info), ok
}

func (s *Session) mkdir(id uint32, m protocol.Mkdir) error {
	c := &command{entry: entry{id: id, op: protocol.OpMkdir, path: m.Path}}
	return s.command(c, reactor.Commit, func(in storage.Storage, path storage.Path) (protocol.Message, error) {
		err := in.Mkdir(path, m.Mode, m.Flags&protocol.MkdirParents != 0)
		return protocol.OK{Count: 1}, err
	})
}

func (s *Session) remove(id uint32, m protocol.Remove) error {
	c := &command{entry: entry{id: id, op: protocol.OpRemove, path: m.Path}}
	var ctx context.Context
	ctx, c.stop = context.WithCancel(s.context())
	return s.command(c, reactor.Slow, func(in storage.Storage, path storage.Path) (protocol.Message, error) {
		n, err := in.Remove(ctx, path, m.Flags&protocol.RemoveRecursive != 0)
		return protocol.OK{Count: uint64(n)}, err
	})
}

func (s *Session) rename(id uint32, m protocol.Rename) error {
	c := &command{entry: entry{id: id, op: protocol.OpRename, path: m.From}}
	to, err := storage.ParsePath(m.To)
	return s.command(c, reactor.Commit, func(in storage.Storage, from storage.Path) (protocol.Message, error) {
		if err != nil {
			return nil, err
		}
		return protocol.OK{Count: 1}, in.Rename(from, to, storage.RenameOptions{
			NoReplace: m.Flags&protocol.RenameNoReplace != 0,
			Parents:   m.Flags&protocol.RenameParents != 0,
		})
	})
}
