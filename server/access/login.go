//go:build unix

package access

import (
	"fmt"

	"ftpd/protocol"
	"ftpd/server/session"
)

// errLogin is the answer to every login that fails, so that nobody learns which users
// there are.
var errLogin = protocol.Errorf(protocol.Auth, "login failed: the user, the password or the key is wrong")

// Login is part of session.Gate.
func (g *Gate) Login(attempt session.Attempt) (*session.Account, error) {
	g.mu.Lock()
	user, dummy := g.users[attempt.User], g.dummy
	g.mu.Unlock()
	cause := g.wrong(user, dummy, attempt)
	switch {
	case cause == "":
		return g.enter(user)
	case attempt.Method == protocol.PublicKey && proven(attempt):
		// Nobody guesses a key: an agent offers all that it has.
		return nil, &session.LoginError{Answer: errLogin, Cause: cause}
	}
	return nil, g.failed(attempt, cause)
}

// wrong returns what is wrong with an attempt, or nothing. What it takes does not tell
// whether there is such a user: a password is hashed, and a signature verified, either
// way. user is nil where there is none.
func (g *Gate) wrong(user *entry, dummy phc, attempt session.Attempt) string {
	if attempt.Method == protocol.PublicKey {
		return g.wrongKey(user, attempt)
	}
	against := dummy
	if user != nil && user.password != nil {
		against = *user.password
	}
	matches := against.matches(g.derive(against.cost, against.salt, attempt.Credential, len(against.key)))
	switch {
	case user == nil:
		return "unknown user"
	case user.password == nil:
		return "the user has no password"
	case !matches:
		return "wrong password"
	}
	return ""
}

// proven reports whether who attempts to log in has the key that he shows.
func proven(attempt session.Attempt) bool {
	return signed(attempt.Exporter, attempt.User, attempt.Credential, attempt.Signature)
}

func (g *Gate) wrongKey(user *entry, attempt session.Attempt) string {
	verified := proven(attempt)
	switch {
	case user == nil:
		return "unknown user"
	case !user.keys[string(attempt.Credential)]:
		return "the key is not one of the user's"
	case !verified:
		return "the signature is not of this connection and this key"
	}
	return ""
}

// failed counts a failure.
func (g *Gate) failed(attempt session.Attempt, cause string) error {
	g.failing.Lock()
	count, delay := g.failures.add(attempt.Peer, attempt.Now)
	refused := g.failures.refused(attempt.Peer, attempt.Now)
	g.failing.Unlock()
	if refused > 0 {
		g.options.Logger.Warn("address refused", "address", site(attempt.Peer), "failures", count, "for", refused)
	}
	return &session.LoginError{Answer: errLogin, Cause: cause, Failures: count, Delay: delay}
}

// enter makes the account of a user who has proved who he is.
func (g *Gate) enter(user *entry) (*session.Account, error) {
	account := &session.Account{Name: user.Name, Allow: user.Allow, Buckets: user.buckets}
	if err := g.register(user, account); err != nil {
		return nil, err
	}
	home, release, err := g.options.Home(user.User)
	if err != nil {
		g.leave(user, account)
		return nil, fmt.Errorf("the home of this user cannot be opened: %w", err)
	}
	account.Storage = home
	account.Release = func() {
		release()
		g.leave(user, account)
	}
	return account, nil
}

// register counts a connection of a user, who may have changed or left meanwhile.
func (g *Gate) register(user *entry, account *session.Account) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.users[user.Name] != user:
		return &protocol.RequestError{Code: protocol.Busy, Retry: true, Message: "the users are being changed; try again"}
	case user.Connections > 0 && len(user.inside) >= user.Connections:
		return &protocol.RequestError{Code: protocol.Busy, Retry: true,
			Message: fmt.Sprintf("this user has the %d connections it may have; try again later", user.Connections)}
	}
	user.inside[account] = true
	return nil
}

func (g *Gate) leave(user *entry, account *session.Account) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(user.inside, account)
}

var _ session.Gate = (*Gate)(nil)
