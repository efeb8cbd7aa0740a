package session

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"ftpd/protocol"
	"ftpd/server/reactor"
	"ftpd/server/storage"
)

// Permissions are what an account may do, as bits.
type Permissions uint8

// The permissions. Which a request needs stands in its opcode's row.
const (
	// Read gets files and their digests.
	Read Permissions = 1 << iota
	// Write makes files and directories, in places that are free.
	Write
	// Delete removes what is there, also by replacing or renaming it.
	Delete
	// List lists directories and describes paths.
	List
	// Admin may enter a server that is full.
	Admin
)

// Everything is what a server without users lets everyone do.
const Everything = Read | Write | Delete | List

// PermissionNames are the names of the permissions, in the order of their bits.
var PermissionNames = [...]string{"read", "write", "delete", "list", "admin"}

// Has reports whether p includes all of need.
func (p Permissions) Has(need Permissions) bool { return p&need == need }

// Names returns the names of the permissions.
func (p Permissions) Names() []string {
	var names []string
	for i, name := range PermissionNames {
		if p.Has(1 << i) {
			names = append(names, name)
		}
	}
	return names
}

// String returns the names with commas between them.
func (p Permissions) String() string { return strings.Join(p.Names(), ",") }

// ParsePermissions returns the permissions of a list of names with commas between them;
// an empty text is none.
func ParsePermissions(text string) (Permissions, error) {
	var p Permissions
	if text == "" {
		return p, nil
	}
	for name := range strings.SplitSeq(text, ",") {
		i := slices.Index(PermissionNames[:], name)
		if i < 0 {
			return 0, fmt.Errorf("unknown permission %q: there are %s", name, strings.Join(PermissionNames[:], ", "))
		}
		p |= 1 << i
	}
	return p, nil
}

// MarshalText is String, for encoding/json.
func (p Permissions) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText is ParsePermissions, for encoding/json.
func (p *Permissions) UnmarshalText(text []byte) (err error) {
	*p, err = ParsePermissions(string(text))
	return err
}

// Account is whom a connection acts for.
type Account struct {
	Name    string          // empty for who has not logged in
	Storage storage.Storage // what the account sees as the served directory
	Open    func() error    // sets Storage; it may take long, and is called once, on the pool. Nil where Storage is there
	Allow   Permissions
	Buckets []*reactor.Bucket // that its connections share, besides those of all
	Release func()            // gives back what the account holds; it may block, and is called once, on the pool. May be nil

	revoked atomic.Bool
}

// Revoke ends the account: its connections serve nothing more, and close as soon as
// anything happens on them. Any goroutine may call it.
func (a *Account) Revoke() { a.revoked.Store(true) }

// Revoked reports whether Revoke was called.
func (a *Account) Revoked() bool { return a.revoked.Load() }

// Attempt is a login to be decided. What it holds is the gate's only until Login
// returns.
type Attempt struct {
	Peer       netip.Addr
	Now        time.Time
	Method     protocol.Method
	User       string
	Credential []byte // the password, or the key: see protocol.Authenticate
	Signature  []byte
	Exporter   []byte // of the connection: see protocol.LoginText; nil outside TLS
}

// Gate decides who a connection acts for.
type Gate interface {
	// Anonymous returns whom a connection acts for that has not logged in; nil is
	// nobody. It is called on the loop goroutine and must not block.
	Anonymous() *Account
	// Admit returns how many logins of an address have failed of late, and why it may
	// not even try to log in now, or nil. It is called on the loop goroutine and must
	// not block.
	Admit(peer netip.Addr, now time.Time) (failures int, err error)
	// Login returns the account, or a *LoginError, or what else went wrong. It runs
	// on the pool, a few at a time.
	Login(attempt Attempt) (*Account, error)
}

// LoginError is a login that failed.
type LoginError struct {
	Answer   *protocol.RequestError // what the client is told
	Cause    string                 // what was wrong, for the log
	Failures int                    // how many this is from that address
	Delay    time.Duration          // how long the client waits for the answer
}

// Error returns the cause.
func (e *LoginError) Error() string { return e.Cause }

// permit is the one place where a request is measured against what its account may
// do. Nothing has been touched by then.
func (s *Session) permit(op protocol.Opcode) error {
	switch {
	case s.login != nil:
		return protocol.Errorf(protocol.Auth, "a login is under way; wait for its OK")
	case s.account == nil:
		return protocol.Errorf(protocol.Auth, "this server wants a login first")
	}
	if missing := needs[op] &^ s.account.Allow; missing != 0 {
		return protocol.Errorf(protocol.Permission, "%s needs a permission that %s lacks: %s", op, s.account.title(), missing)
	}
	return nil
}

// title names the account in a sentence.
func (a *Account) title() string {
	if a.Name == "" {
		return "who has not logged in"
	}
	return "this user"
}

// who is what the log says of the other end.
func (s *Session) who() []any {
	if s.account == nil || s.account.Name == "" {
		return []any{"peer", s.peer}
	}
	return []any{"peer", s.peer, "user", s.account.Name}
}

// releaseAccount lets go of the account once the connection is gone and no job uses
// its storage any more.
func (s *Session) releaseAccount() {
	if s.state != closed || s.out > 0 || s.account == nil {
		return
	}
	account := s.account
	s.account = nil
	s.giveUp(account)
}

// giveUp gives back what an account holds.
func (s *Session) giveUp(account *Account) {
	if account.Release != nil {
		s.offload(reactor.Commit, &releaseJob{account})
	}
}

// releaseJob ends an account.
type releaseJob struct{ account *Account }

// Run is part of reactor.Job.
func (j *releaseJob) Run() { j.account.Release() }

// finish is part of job.
func (*releaseJob) finish(*Session) {}
