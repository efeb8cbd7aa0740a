package reactor

import "time"

// flow is the output of a connection, and why it ends.
type flow struct {
	output fifo[*Buffer]
	queued int       // bytes in output, not yet written
	taken  time.Time // when the peer last took a whole buffer, or the queue began
	reason Reason
	cause  error // see Link.Cause
}

// flowing returns the connection's flow, and makes it if need be.
func (c *Conn) flowing() *flow {
	if c.flow == nil {
		c.flow = c.loop.newFlow()
	}
	return c.flow
}

// rest gives the flow back once everything is written.
func (c *Conn) rest() {
	if c.flow != nil && c.phase == open && c.flow.output.len() == 0 && c.transport.Unsent() == 0 {
		c.loop.freeFlow(c.flow)
		c.flow = nil
	}
}

// maxFlows bounds the flows that are kept for the next who needs one.
const maxFlows = 1024

func (l *Loop) newFlow() *flow {
	last := len(l.flows) - 1
	if last < 0 {
		return &flow{}
	}
	f := l.flows[last]
	l.flows = l.flows[:last]
	return f
}

func (l *Loop) freeFlow(f *flow) {
	if len(l.flows) < maxFlows {
		l.flows = append(l.flows, f)
	}
}

// reason returns why the connection ends.
func (c *Conn) reason() Reason {
	if c.flow == nil {
		return ""
	}
	return c.flow.reason
}
