//go:build linux

// Package models is one service built once for each I/O model: a client sends
// bytes, and the server answers with the same bytes in upper case, in order and
// as they come, until the client ends its side. On the wire the models cannot
// be told apart.
//
// Each model is one file that reads from top to bottom; what several share is in
// socket.go, conn.go and readiness.go. A server has no way to be stopped but the
// end of its process: what closing down takes would hide how a model works, and a
// process of its own is what makes its processor time, threads and memory
// measurable.
package models

// A Handler turns a request into its answer, in place. Models call it from any
// number of threads.
type Handler func(data []byte)

// A Server is what every model is started with.
type Server struct {
	Listener int     // a listening socket, in blocking mode; the model owns it
	Handle   Handler // what is done with each piece of input
	Note     func(format string, args ...any)
}

// A Model is one way to serve many connections.
type Model struct {
	Name  string // as in the command line, the table and the charts
	About string // one line
	// Serve answers clients until something fails that concerns all of them.
	// It is ErrUnavailable where this kernel lacks what the model needs.
	Serve func(Server) error
}

// All returns the models in the order in which the text introduces them.
func All() []Model {
	return []Model{
		{"threads", "blocking, a thread for each connection", serveThreads},
		{"thread-pool", "blocking, a fixed number of threads", serveThreadPool},
		{"goroutines", "a goroutine for each connection, over package net", serveGoroutines},
		{"busy-polling", "non-blocking, asking every connection in turn", serveBusyPolling},
		{"select", "multiplexed by select(2)", serveSelect},
		{"poll", "multiplexed by poll(2)", servePoll},
		{"epoll", "multiplexed by epoll(7), level-triggered", serveEpoll},
		{"epoll-et", "multiplexed by epoll(7), edge-triggered", serveEpollET},
		{"sigio", "signal-driven, a real-time signal for each change", serveSIGIO},
		{"io_uring", "asynchronous, completions from io_uring(7)", serveURing},
	}
}

// Variants returns servers that are no models of their own: they show one point
// of a model that All has, and are held to the same behaviour.
func Variants() []Model {
	return []Model{
		{"epoll-offload", "epoll, with the handler on a thread pool", serveOffload},
		{"io_uring-single", "io_uring without multishot, as before Linux 6.0", serveURingSingle},
	}
}

// Find returns the model or variant of that name.
func Find(name string) (Model, bool) {
	for _, m := range append(All(), Variants()...) {
		if m.Name == name {
			return m, true
		}
	}
	return Model{}, false
}
