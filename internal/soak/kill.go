//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"ftpd/internal/trial"
)

const (
	// pace is what a relay lets through in a second while programs are killed, in
	// bytes: what a fast network does. Without, what is lost with a kill is what the
	// kernel holds between two programs of one machine.
	pace = 200 << 20
	// mostAgain is how much of a large file may be sent again for all kills, in percent.
	mostAgain = 5
	// leastAgain is what of a small one may be: a few times what may be under way, in bytes.
	leastAgain = 8 << 20
)

// victim is who is killed.
type victim int

const (
	theClient victim = iota
	theServer
	both
	victims
)

// killed runs a client of which, or of whose server, nothing is left once so many
// bytes have passed; 0 is never. It returns false where it was killed.
func (w *world) killed(ctx context.Context, after int64, who victim, args ...string) (outcome, bool, error) {
	cmd, out, problems := w.command(ctx, w.here, w.relay.Address(), args...)
	w.relay.CutAfter(after, func() { w.kill(who) })
	w.mu.Lock()
	w.client = cmd
	err := cmd.Start()
	w.mu.Unlock()
	if err != nil {
		return outcome{}, false, err
	}
	o, err := ended(ctx, cmd, cmd.Wait(), out, problems)
	w.row.runs++
	passed := w.relay.Passed()
	struck := after > 0 && passed >= after
	if struck {
		passed = after
		w.row.kills++
		if who != theClient {
			err = errors.Join(err, w.killServer())
		}
	}
	w.row.passed += passed
	if err == nil && o.status != 0 && !struck {
		err = fmt.Errorf("ftpc %s: nobody was killed, and the status is %d: %s", strings.Join(args, " "), o.status, o.problems)
	}
	return o, o.status == 0, err
}

// kill sends SIGKILL. It is called while bytes pass, and waits for nobody.
func (w *world) kill(who victim) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if who != theServer {
		_ = w.client.Process.Kill() // it may have ended
	}
	if who != theClient {
		_ = w.server.Signal(os.Kill)
	}
}

func (w *world) anybody() victim { return victim(w.random.IntN(int(victims))) }

// killLarge copies a large file, and kills until it is there.
func (w *world) killLarge(ctx context.Context, op string) error {
	from, to := w.root, w.here
	if op == "put" {
		from, to = to, from
	}
	if err := trial.WriteFile(filepath.Join(from, "large"), w.size, w.seed); err != nil {
		return err
	}
	w.relay.SetRate(pace)
	for done := false; !done; {
		if w.row.kills > 20*w.kills {
			return errors.New("it does not come to its end")
		}
		var err error
		var o outcome
		if o, done, err = w.killed(ctx, w.early(), w.anybody(), "-q", op, "--json", "large"); err != nil {
			return err
		}
		w.row.repaired += o.repaired()
	}
	w.row.size = w.size
	if _, err := trial.Compare(filepath.Join(from, "large"), filepath.Join(to, "large"), trial.Mtime); err != nil {
		return err
	}
	if again := w.row.again(); again > mostAgain && w.row.passed-w.row.size > leastAgain {
		return fmt.Errorf("%.1f %% were sent again for %d kills", again, w.row.kills)
	}
	if w.row.kills < w.kills {
		return fmt.Errorf("only %d kills", w.row.kills)
	}
	return w.only(w.here, "large")
}

// early draws after how many bytes of a large file there is a kill: so many that there
// have to be as many kills as are wanted.
func (w *world) early() int64 {
	if w.kills == 0 {
		return 0
	}
	half := w.size / int64(w.kills) / 2
	return half + w.random.Int64N(half)
}

// only tells whether nothing but one name is in a directory.
func (w *world) only(dir, name string) error {
	entries, err := os.ReadDir(dir)
	if err == nil && (len(entries) != 1 || entries[0].Name() != name) {
		err = fmt.Errorf("%v are left in %s", entries, dir)
	}
	return err
}
