package client

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"ftpd/protocol"
)

// Login is who a Client acts for. It logs in on every connection that it dials, before
// any request: with one key after the other, and then with the password. A server that
// refuses all of them is an *Error with ErrAuth, and is not dialled again; where keys were
// among them, a *KeysError has it. A key that it has refused is not offered again, on no
// connection: the next ones begin with what was accepted.
type Login struct {
	// User is the name, 1 to 64 bytes of UTF-8 without control characters.
	User string
	// Password returns the password, at most 1024 bytes; nil is that there is none. It
	// is called at most once for a Client, when a server wants it, and what it
	// returns is kept for further connections.
	Password func(ctx context.Context) ([]byte, error)
	// Signers are keys: ed25519, or RSA of at least 2048 bits. They count inside TLS only.
	Signers []ssh.Signer
	// PlainPassword allows to send the password outside TLS to another machine, where
	// everybody on the way can read it.
	PlainPassword bool
}

// login is a Login with what a Client knows of it.
type login struct {
	Login
	mu     sync.Mutex
	secret []byte // once it was asked for
	keys   keyring
}

// errAskedLong is that typing the password took longer.
var errAskedLong = errors.New("the password was typed while the server waited")

// password returns the password, which it asks for the first time; that may take long.
func (l *login) password(ctx context.Context, typing time.Duration) ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.secret != nil {
		return l.secret, nil
	}
	began := time.Now()
	secret, err := l.Password(ctx)
	if err != nil {
		return nil, localError("password", "", err)
	}
	l.secret = append([]byte{}, secret...)
	if time.Since(began) > typing {
		return nil, errAskedLong
	}
	return l.secret, nil
}

// entrance is a connection on which a user logs in.
type entrance struct {
	*login
	in      *receiver
	address string
	timeout time.Duration // of each attempt; 0 is never
	typing  time.Duration // see limits
	last    uint32        // number of the last attempt
}

// enter logs in, if somebody is to.
func enter(ctx context.Context, in *receiver, server Server, options *Options, limits limits) error {
	l := options.login
	if l == nil {
		return nil
	}
	e := &entrance{login: l, in: in, address: server.Address, timeout: options.DialTimeout, typing: limits.typing}
	switch {
	case !protocol.ValidUser(l.User):
		return e.errorf(protocol.Invalid, "the name of a user has 1 to %d bytes of UTF-8, and no control characters", protocol.MaxUser)
	case !server.Users:
		return e.errorf(protocol.Unsupported, "this server has no users: do without one")
	}
	return e.try(ctx)
}

func (e *entrance) errorf(code protocol.Code, format string, args ...any) error {
	failed := protocol.Errorf(code, format, args...)
	return &Error{Op: "login", Path: e.User, Code: code, Message: failed.Message}
}

// try tries the keys and then the password, until the server takes one.
func (e *entrance) try(ctx context.Context) error {
	exporter, secure := e.exporter()
	refused := e.tryKeys(ctx, exporter, secure)
	if refused == nil || !isRefusal(refused) {
		return refused
	}
	if e.Password != nil {
		refused = e.tryPassword(ctx, secure)
	}
	return e.keys.blame(refused)
}

// tryKeys returns a refusal where no key was accepted.
func (e *entrance) tryKeys(ctx context.Context, exporter []byte, secure bool) error {
	refused := e.errorf(protocol.Auth, "there is neither a password nor a key to log in with")
	for _, signer := range e.keys.left(e.Signers) {
		if !secure {
			return e.errorf(protocol.Auth, "a login with a key is possible inside TLS only")
		}
		m, err := e.signed(signer, exporter)
		if err == nil {
			err = e.attempt(ctx, m)
		}
		if err == nil || !isRefusal(err) {
			return err
		}
		e.keys.refuse(signer)
		refused = err
	}
	return refused
}

// isRefusal tells whether another key or the password may still log in on the same connection.
func isRefusal(err error) bool {
	refused, ok := errors.AsType[*Error](err)
	return ok && refused.Op == "login" && refused.Code == protocol.Auth
}

// tryPassword sends the password where that is safe.
func (e *entrance) tryPassword(ctx context.Context, secure bool) error {
	if !secure && !e.PlainPassword && !e.isLocal() {
		return e.errorf(protocol.Auth, "a password is not sent to another machine outside TLS, where everybody on the way could read it")
	}
	secret, err := e.password(ctx, e.typing)
	if err != nil {
		return err
	}
	if len(secret) > protocol.MaxSecret {
		return e.errorf(protocol.Invalid, "a password has at most %d bytes", protocol.MaxSecret)
	}
	return e.attempt(ctx, protocol.Authenticate{Method: protocol.Password, User: e.User, Credential: secret})
}

// exporter returns what binds a signature to this connection, and whether that is
// inside TLS.
func (e *entrance) exporter() ([]byte, bool) {
	c, ok := e.in.conn.(interface{ ConnectionState() tls.ConnectionState })
	if !ok {
		return nil, false
	}
	state := c.ConnectionState()
	material, err := state.ExportKeyingMaterial(protocol.LoginExporter, nil, protocol.LoginExporterLen)
	return material, err == nil
}

// isLocal tells whether the connection does not leave this machine.
func (e *entrance) isLocal() bool {
	switch a := e.in.conn.RemoteAddr().(type) {
	case *net.TCPAddr:
		return a.IP.IsLoopback()
	case *net.UnixAddr:
		return true
	}
	return false
}

// signed makes the AUTH of a key. A key that cannot sign is as good as refused, for the
// next one may.
func (e *entrance) signed(signer ssh.Signer, exporter []byte) (protocol.Authenticate, error) {
	key := signer.PublicKey().Marshal()
	m := protocol.Authenticate{Method: protocol.PublicKey, User: e.User, Credential: key}
	signature, err := sign(signer, protocol.LoginText(exporter, e.User, key))
	if err == nil {
		m.Signature = ssh.Marshal(signature)
		if len(key) <= protocol.MaxKey && len(m.Signature) <= protocol.MaxSignature {
			return m, nil
		}
		err = errors.New("the key is too large")
	}
	return m, e.errorf(protocol.Auth, "the key %s cannot sign: %v", ssh.FingerprintSHA256(signer.PublicKey()), err)
}

// sign has RSA sign with SHA-512, and not with SHA-1 as it would by itself.
func sign(signer ssh.Signer, text []byte) (*ssh.Signature, error) {
	if signer.PublicKey().Type() != ssh.KeyAlgoRSA {
		return signer.Sign(rand.Reader, text)
	}
	chooses, ok := signer.(ssh.AlgorithmSigner)
	if !ok {
		return nil, errors.New("it does not sign with SHA-2")
	}
	return chooses.SignWithAlgorithm(rand.Reader, text, ssh.KeyAlgoRSASHA512)
}

// attempt sends one AUTH and waits for its answer.
func (e *entrance) attempt(ctx context.Context, m protocol.Authenticate) error {
	if e.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, e.timeout)
		defer cancel()
	}
	stop := interruptible(ctx, e.in.conn)
	defer stop()
	e.last++
	frame := protocol.Append(nil, e.last, m)
	e.in.greeted += len(frame)
	_, err := e.in.conn.Write(frame)
	clear(frame)
	if err == nil || ctx.Err() == nil { // what the server has said counts for more
		err = e.answer()
	}
	if !stop() && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// answer reads what the server says of the last attempt.
func (e *entrance) answer() error {
	f, err := firstFrame(e.in)
	switch {
	case err != nil:
		if _, found := errors.AsType[*protocol.ProtocolError](err); found {
			return broken(err)
		}
		return err
	case f.Opcode == protocol.OpError:
		return lastError(f, "login", e.User)
	case f.Opcode == protocol.OpGoaway:
		return turnedAway(f, e.address)
	case f.Opcode != protocol.OpOK || f.Request != e.last:
		return broken(errors.New("the server answers AUTH with " + f.Opcode.String()))
	}
	_, err = protocol.Decode[protocol.OK](f)
	if err != nil {
		return broken(err)
	}
	return nil
}
