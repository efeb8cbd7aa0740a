//go:build unix

package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"ftpd/internal/trial"
)

// world is what one part of the soak has for itself: a server, a relay before it that
// outlives the server, and a directory for the clients.
type world struct {
	*soak
	root   string // served
	here   string // where clients run
	random *rand.Rand
	relay  *trial.Relay
	row    row

	mu     sync.Mutex
	server *trial.Server // nil while there is none
	client *exec.Cmd     // the last that was started to be killed
}

func (s *soak) newWorld(name string) (*world, error) {
	dir, err := os.MkdirTemp(s.dir, "part-")
	if err != nil {
		return nil, err
	}
	w := &world{soak: s, root: filepath.Join(dir, "root"), here: filepath.Join(dir, "here"), random: s.drawer(name)}
	w.row.name, w.row.statuses = name, map[int]int64{}
	if err := errors.Join(os.Mkdir(w.root, 0o755), os.Mkdir(w.here, 0o755)); err != nil {
		return nil, err
	}
	if w.relay, err = trial.NewRelay(""); err != nil {
		return nil, err
	}
	if err := w.serve(); err != nil {
		w.relay.Close()
		return nil, err
	}
	return w, nil
}

// serve starts a server on the directory, where another may have been before.
func (w *world) serve() error {
	server, err := trial.StartServer(w.bin, w.root)
	if err != nil {
		return err
	}
	w.mu.Lock()
	w.server = server
	w.mu.Unlock()
	w.relay.SetTarget(server.Address)
	return nil
}

// killServer ends the server without a warning, and starts the next one.
func (w *world) killServer() error {
	w.server.Kill()
	if err := soundly(w.server.Printed()); err != nil {
		return err
	}
	return w.serve()
}

// end stops the server, which has to end in peace and to leave nothing behind, and
// gives up the directory.
func (w *world) end(err error) error {
	_, stopErr := w.server.Stop()
	w.relay.Close()
	if err == nil {
		err = errors.Join(stopErr, soundly(w.server.Printed()), w.nothingStaged())
	}
	return errors.Join(err, os.RemoveAll(filepath.Dir(w.root)))
}

// soundly returns an error where a program panicked.
func soundly(printed string) error {
	if strings.Contains(printed, "panic") || strings.Contains(printed, "goroutine ") {
		return fmt.Errorf("a program panicked: %s", printed)
	}
	return nil
}

// nothingStaged looks for what is left of uploads. Where all have been brought to
// their end, that is nothing.
func (w *world) nothingStaged() error {
	left, err := filepath.Glob(filepath.Join(w.root, ".ftpd-staging", "*", "*"))
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("the server left %q behind", left)
	}
	return err
}
