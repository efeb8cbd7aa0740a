package client

import (
	"bytes"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/crypto/ssh"
)

// KeysError is a login that has failed although keys were offered.
type KeysError struct {
	Keys []ssh.PublicKey // that the server has refused, or that could not sign
	Err  error           // why there was no login
}

// Error returns one sentence.
func (e *KeysError) Error() string {
	return fmt.Sprintf("%v; no key was accepted, of %d", e.Err, len(e.Keys))
}

// Unwrap returns why there was no login.
func (e *KeysError) Unwrap() error { return e.Err }

// keyring knows which keys of a Login were refused, so that no server is offered one twice: each
// costs a round trip, and a server may count what it refuses. Any goroutine may call its methods.
type keyring struct {
	mu      sync.Mutex
	refused []ssh.PublicKey
}

// left returns which keys to offer.
func (k *keyring) left(all []ssh.Signer) []ssh.Signer {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(all), func(s ssh.Signer) bool {
		return slices.ContainsFunc(k.refused, func(key ssh.PublicKey) bool { return sameKey(key, s.PublicKey()) })
	})
}

func sameKey(a, b ssh.PublicKey) bool { return bytes.Equal(a.Marshal(), b.Marshal()) }

func (k *keyring) refuse(s ssh.Signer) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.refused = append(k.refused, s.PublicKey())
}

// blame adds to the error of a login which keys were refused.
func (k *keyring) blame(err error) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err == nil || len(k.refused) == 0 {
		return err
	}
	return &KeysError{Keys: slices.Clone(k.refused), Err: err}
}
