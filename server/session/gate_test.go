package session_test

import (
	"errors"
	"net/netip"
	"strings"
	"time"

	"ftpd/protocol"
	"ftpd/server/session"
	"ftpd/server/storage"
)

// policy is the gate of a walk: user names say what they may do, or what goes wrong.
type policy struct {
	walk      *walk
	anonymous *session.Account
}

// choosePolicy has a walk go without users, or with them.
func (w *walk) choosePolicy(c *session.Config) {
	gate := &policy{walk: w}
	w.ledger.allow = session.Everything
	w.ledger.account = func() session.Permissions { return w.logins[len(w.logins)-1].Allow }
	switch w.byte() % 8 {
	case 0: // nothing without a login
		w.ledger.allow = 0
	case 1:
		w.ledger.allow = session.Read | session.List
		gate.anonymous = &session.Account{Storage: c.Storage, Allow: w.ledger.allow}
	case 2:
		gate.anonymous = &session.Account{Storage: c.Storage, Allow: session.Everything}
	default:
		return
	}
	c.Gate = gate
}

// Anonymous is part of session.Gate.
func (p *policy) Anonymous() *session.Account { return p.anonymous }

// Admit is part of session.Gate.
func (p *policy) Admit(netip.Addr, time.Time) (int, error) { return 0, nil }

// Login is part of session.Gate.
func (p *policy) Login(attempt session.Attempt) (*session.Account, error) {
	w := p.walk
	allow, err := session.ParsePermissions(strings.ReplaceAll(attempt.User, "+", ","))
	switch {
	case attempt.User == "broken":
		return nil, errors.New("the users file cannot be read")
	case err != nil:
		answer := &protocol.RequestError{Code: protocol.Auth, Message: "login failed"}
		return nil, &session.LoginError{Answer: answer, Cause: "no such user", Delay: time.Second}
	}
	account := &session.Account{Name: attempt.User, Storage: w.h.store, Allow: allow, Release: func() { w.given++ }}
	if attempt.Method == protocol.Password {
		account.Storage, account.Open = nil, func() error { return w.openHome(account) }
	}
	w.logins = append(w.logins, account)
	return account, nil
}

// login makes an AUTH.
func (w *walk) login() {
	id := w.free()
	if id == 0 {
		return
	}
	user := of(w, "read+write+delete+list", "read+write+delete+list", "read+list", "nobody", "broken", "write")
	w.send(protocol.Append(nil, id, protocol.Authenticate{Method: of(w, protocol.Password, protocol.Password, protocol.PublicKey), User: user, Credential: []byte("secret")}))
}

// openHome opens the home of an account, which may fail.
func (w *walk) openHome(account *session.Account) error {
	if w.byte()%4 == 0 {
		return storage.ErrBusy
	}
	account.Storage = w.h.store
	return nil
}
