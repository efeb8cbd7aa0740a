//go:build unix

// Package access knows the users of a server: the file that they stand in, whether who
// logs in is one of them, and what each may do. It implements session.Gate.
package access

import (
	"fmt"
	"log/slog"
	"net/netip"
	"reflect"
	"sync"
	"time"

	"ftpd/protocol"
	"ftpd/server/reactor"
	"ftpd/server/session"
	"ftpd/server/storage"
)

// Options are what a Gate is told.
type Options struct {
	File      string              // the users file; required
	Anonymous session.Permissions // of who has not logged in; 0 is that everybody must
	Root      storage.Storage     // what the anonymous see
	// Home returns the storage of a user's home, and what gives it back. It may
	// block and is called by several goroutines.
	Home func(user User) (home storage.Storage, release func(), err error)
	// Check returns why the limits of all users together cannot be kept; nil is not asked.
	Check    func(users []User) error
	Failures int           // failed logins until an address is refused, default 10; negative is any number
	Ban      time.Duration // how long it is refused then, default 15 min
	Logger   *slog.Logger  // default slog.Default
}

// Gate is the users of a server.
type Gate struct {
	options   Options
	anonymous *session.Account // nil where everybody must log in
	derive    func(c cost, salt, password []byte, n int) []byte
	signed    func(exporter []byte, user string, key, signature []byte) bool

	mu    sync.Mutex
	users map[string]*entry
	costs []cost // of the users' passwords, each once; an attempt does the work of all

	failing  sync.Mutex // of its own, for the loop takes it
	failures *failures
}

// entry is a user and who is logged in as it.
type entry struct {
	User
	password *phc // nil is none
	keys     map[string]bool
	inside   map[*session.Account]bool
	buckets  []*reactor.Bucket // that all its connections share
}

// New reads the users file.
func New(options Options) (*Gate, error) {
	if options.Failures == 0 {
		options.Failures = 10
	}
	if options.Ban <= 0 {
		options.Ban = 15 * time.Minute
	}
	if options.Logger == nil {
		options.Logger = slog.Default()
	}
	g := &Gate{options: options, derive: derive, signed: signed, failures: newFailures(options.Failures, options.Ban)}
	if options.Anonymous != 0 {
		g.anonymous = &session.Account{Storage: options.Root, Allow: options.Anonymous}
	}
	return g, g.Reload()
}

// Reload reads the users file again. Whoever is logged in as a user that is gone or has
// changed is logged out. A file that cannot be read or understood changes nothing.
func (g *Gate) Reload() error {
	list, err := ReadUsers(g.options.File)
	if err != nil {
		return err
	}
	users := make(map[string]*entry, len(list))
	for _, u := range list {
		e, err := newEntry(u)
		if err != nil {
			return fmt.Errorf("%s: user %q: %w", g.options.File, u.Name, err)
		}
		users[u.Name] = e
	}
	costs, err := costsOf(users)
	if err != nil {
		return fmt.Errorf("%s: %w", g.options.File, err)
	}
	if g.options.Check != nil {
		if err := g.options.Check(list); err != nil {
			return fmt.Errorf("%s: %w", g.options.File, err)
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for name, old := range g.users {
		if e := users[name]; e != nil && reflect.DeepEqual(e.User, old.User) {
			users[name] = old
			continue
		}
		for account := range old.inside {
			account.Revoke()
		}
	}
	g.users, g.costs = users, costs
	g.options.Logger.Info("users loaded", "file", g.options.File, "users", len(users))
	if len(costs) > 1 {
		g.options.Logger.Warn("the passwords are of different costs, and every login takes the work of all of them: \"ftpd user passwd\" gives a user one of the usual cost",
			"costs", fmt.Sprint(costs), "usual", usual)
	}
	return nil
}

func newEntry(u User) (*entry, error) {
	e := &entry{User: u, keys: map[string]bool{}, inside: map[*session.Account]bool{}}
	if u.RateUp > 0 || u.RateDown > 0 {
		e.buckets = []*reactor.Bucket{reactor.NewBucket(u.RateUp, u.RateDown)}
	}
	if u.Password != "" {
		p, err := parsePHC(u.Password)
		if err != nil {
			return nil, err
		}
		e.password = &p
	}
	for _, line := range u.Keys {
		blob, err := keyBlob(line)
		if err != nil {
			return nil, err
		}
		e.keys[blob] = true
	}
	return e, nil
}

// Anonymous is part of session.Gate.
func (g *Gate) Anonymous() *session.Account { return g.anonymous }

// Admit is part of session.Gate.
func (g *Gate) Admit(peer netip.Addr, now time.Time) (failures int, err error) {
	g.failing.Lock()
	defer g.failing.Unlock()
	failures, left := g.failures.of(peer, now)
	if left == 0 {
		return failures, nil
	}
	return failures, &protocol.RequestError{Code: protocol.Busy, // another try at once would not help
		Message: fmt.Sprintf("too many logins from this address have failed; try again in %s", left.Round(time.Second))}
}
