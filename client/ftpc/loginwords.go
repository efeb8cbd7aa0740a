package main

import (
	"errors"
	"fmt"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"ftpd/client"
	"ftpd/protocol"
)

// loginHint is what helps who was not let in.
func (s setting) loginHint(err error) string {
	remote, ok := errors.AsType[*client.Error](err)
	switch {
	case !ok || remote.Code != protocol.Auth:
		return ""
	case s.user == "":
		return "--user NAME, or NAME@ in the URL, logs in"
	case s.plain && s.identity != "":
		return "--tls, or " + secureScheme + s.address + ", is inside TLS"
	case s.plain:
		return "--tls, or " + secureScheme + s.address + ", is inside TLS; --insecure sends a password without"
	}
	return ""
}

// keyWords tells which keys were offered in vain, and what has a server take one.
func (s setting) keyWords(err *client.KeysError) (text, hint string) {
	var names []string
	for _, key := range err.Keys {
		name := ssh.FingerprintSHA256(key)
		if kept, ok := key.(*agent.Key); ok && kept.Comment != "" {
			name += " (" + visible(kept.Comment) + ")"
		}
		names = append(names, name)
	}
	adds := "the server takes the keys that ftpd user set " + visible(s.user) + " --key FILE names there, after SIGHUP"
	if s.identity != "" {
		if kind := err.Keys[0].Type(); kind != ssh.KeyAlgoED25519 && kind != ssh.KeyAlgoRSA {
			adds = "servers take ed25519 and RSA, and no " + visible(kind) + ": ssh-keygen -t ed25519 makes a key"
		}
		return "refused was the key " + enumerate(names) + " of " + visible(s.identity), adds
	}
	if s.unoffered > 0 {
		adds = fmt.Sprintf("--identity FILE offers one of the other keys, of which there are %d; %s", s.unoffered, adds)
	}
	return "refused were the keys of the agent: " + enumerate(names), adds
}
