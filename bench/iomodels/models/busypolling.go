//go:build linux

package models

// serveBusyPolling asks every socket in turn, without end: none of them blocks,
// and nothing tells which would have an answer. A request waits for one round at
// most; a round takes as long as there are connections, busy or not, and an
// idle server works as hard as a busy one.
func serveBusyPolling(s Server) error {
	if err := setNonblock(s.Listener); err != nil {
		return err
	}
	var conns []*conn
	buf := make([]byte, bufferSize)
	for {
		err := acceptAll(s.Listener, func(fd int) error {
			conns = append(conns, &conn{fd: fd})
			return nil
		})
		if err != nil {
			return err
		}
		open := conns[:0]
		for _, c := range conns {
			if err := c.step(buf, s.Handle); err == nil || again(err) {
				open = append(open, c)
			} else if err := closeFD(c.fd); err != nil {
				return err
			}
		}
		clear(conns[len(open):])
		conns = open
	}
}
