package main

import (
	"errors"
	"fmt"

	"ftpd/client"
	"ftpd/client/trust"
)

// trustWords explains why a server was not trusted. A changed key is told as it would be
// told by who warns: nobody can know whether it is the server's.
func trustWords(err error, address string) (text, hint string) {
	if unknown, ok := errors.AsType[*trust.UnknownError](err); ok {
		text = fmt.Sprintf("%s is not known here, and no authority vouches for it: %s; its key is %s",
			address, visible(unknown.Reason.Error()), unknown.Shown)
		return text, fmt.Sprintf("where that is the server's key (ftpd prints it), ftpc trust %s keeps it, and --fingerprint %s trusts it once",
			address, unknown.Shown)
	}
	changed, ok := errors.AsType[*trust.ChangedError](err)
	switch {
	case ok && changed.File != "":
		text = fmt.Sprintf("THE KEY OF %s HAS CHANGED: it is %s, and was %s (%s:%d); somebody may be in between, or the server has a new one",
			address, changed.Shown, changed.Want, visible(changed.File), changed.Line)
		return text, fmt.Sprintf("ask who runs the server; where the new key is its own: ftpc trust --remove %s, then ftpc trust %s", address, address)
	case ok:
		return fmt.Sprintf("%s has not the key that was asked for: it is %s, and not %s", address, changed.Shown, changed.Want), ""
	}
	if refused, ok := errors.AsType[*client.TrustError](err); ok {
		err = refused.Err
	}
	return fmt.Sprintf("no authority of --ca vouches for %s: %s", address, visible(err.Error())), ""
}

// tlsWords explains why there is no TLS with a server, or too much of it.
func tlsWords(err error, address string) (text, hint string) {
	refused, ok := errors.AsType[*client.TLSError](err)
	switch {
	case !ok: // nothing else matches client.ErrTLS
		return visible(err.Error()), ""
	case errors.Is(err, client.ErrPlainServer):
		return address + " does not speak TLS", "start it with ftpd --tls, or talk to it in the open with " + scheme + " and without --tls"
	case errors.Is(err, client.ErrSecureServer):
		return address + " speaks TLS", "--tls, or " + secureScheme + address + ", speaks it too"
	case refused.Alert:
		return address + " refuses TLS: " + visible(refused.Err.Error()), "is it an ftpd? it speaks TLS 1.3 and the protocol ftpd/1"
	}
	return "no TLS with " + address + ": " + visible(refused.Err.Error()), ""
}
