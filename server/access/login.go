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
	if _, err := g.Admit(attempt.Peer, attempt.Now); err != nil { // others have failed while this one waited
		return nil, err
	}
	g.mu.Lock()
	user, costs := g.users[attempt.User], g.costs
	g.mu.Unlock()
	if attempt.Method == protocol.PublicKey {
		return g.byKey(user, attempt)
	}
	if cause := g.wrongPassword(user, costs, attempt); cause != "" {
		return nil, g.failed(attempt, cause)
	}
	return g.enter(user)
}

// wrongPassword returns what is wrong with an attempt, or nothing. user is nil where
// there is none.
func (g *Gate) wrongPassword(user *entry, costs []cost, attempt session.Attempt) string {
	var against *phc
	if user != nil {
		against = user.password
	}
	right := g.verify(attempt.Credential, against, costs)
	switch {
	case user == nil:
		return "unknown user"
	case against == nil:
		return "the user has no password"
	case !right:
		return "wrong password"
	}
	return ""
}

// byKey decides a login with a key. The signature is verified before anybody looks whose
// key it is, so that the work is the same for each user, and for none.
func (g *Gate) byKey(user *entry, attempt session.Attempt) (*session.Account, error) {
	proven := g.signed(attempt.Exporter, attempt.User, attempt.Credential, attempt.Signature)
	var cause string
	switch {
	case user == nil:
		cause = "unknown user"
	case !user.keys[string(attempt.Credential)]:
		cause = "the key is not one of the user's"
	case !proven:
		cause = "the signature is not of this connection and this key"
	default:
		return g.enter(user)
	}
	if proven { // nobody guesses a key: an agent offers all that it has
		return nil, &session.LoginError{Answer: errLogin, Cause: cause}
	}
	return nil, g.failed(attempt, cause)
}

// failed counts a failure.
func (g *Gate) failed(attempt session.Attempt, cause string) error {
	g.failing.Lock()
	count, delay := g.failures.add(attempt.Peer, attempt.Now)
	_, refused := g.failures.of(attempt.Peer, attempt.Now)
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
	account.Release = func() { g.leave(user, account) }
	account.Open = func() error {
		home, release, err := g.options.Home(user.User)
		if err != nil {
			return fmt.Errorf("the home of this user cannot be opened: %w", err)
		}
		account.Storage = home
		account.Release = func() {
			release()
			g.leave(user, account)
		}
		return nil
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
