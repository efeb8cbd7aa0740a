package session

import (
	"unique"

	"ftpd/protocol"
	"ftpd/server/reactor"
)

// hello answers the greeting.
func (s *Session) hello(_ uint32, m protocol.Hello) error {
	s.agent = unique.Make(m.Agent)
	s.inFlight = uint16(min(int(m.InFlight), s.config.InFlight))
	s.account = s.everyone
	features, next := s.config.Features, ready
	if s.config.Gate != nil {
		s.account = s.config.Gate.Anonymous()
		features |= protocol.FeatureLogin
	}
	if s.account == nil {
		features |= protocol.FeatureNoAnonymous
	}
	if s.spare {
		s.account = nil
	}
	if s.account == nil {
		next = authenticating
	}
	reply(s, 0, protocol.Welcome{
		InFlight:  uint16(s.config.InFlight),
		Features:  features,
		BlockSize: protocol.BlockSize,
		Agent:     s.config.Agent,
	})
	s.setState(next)
	return nil
}

// ping answers, unless something before it was lost on the way: a request whose
// frames never came would be waited for without an end.
func (s *Session) ping(id uint32, m protocol.Ping) error {
	read, written := s.link.Counts()
	if err := m.InPlace(uint64(read) - uint64(s.decoder.Buffered())); err != nil {
		return err
	}
	reply(s, id, protocol.Pong{Position: uint64(written) + uint64(s.link.Queued()), Content: m.Content})
	return nil
}

func (s *Session) bye(uint32, protocol.Bye) error {
	s.drain(reasonBye)
	return nil
}

// cancelRequest ends a request early; one that has finished already is no
// error, for the two may have crossed.
func (s *Session) cancelRequest(id uint32, _ protocol.Cancel) error {
	if r := s.find(id); r != nil {
		r.cancel(s)
	}
	return nil
}

// foreignLine is what a client of another protocol gets to read.
const foreignLine = "ftpd: this port speaks the ftpd/1 file transfer protocol and not HTTP, FTP, SSH or TLS; use ftpc\r\n"

// foreign tells a client of another protocol what this is.
func (s *Session) foreign(reason reactor.Reason) {
	s.link.Commit(append(s.link.Reserve(len(foreignLine)), foreignLine...))
	s.finish(reason)
}

// refuse ends the connection with an ERROR that says why.
func (s *Session) refuse(err error, reason reactor.Reason) {
	s.config.Logger.Debug("connection refused", "peer", s.peer, "error", err)
	reply(s, 0, errorMessage(err))
	s.finish(reason)
}
