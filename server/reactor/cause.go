package reactor

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"

	"golang.org/x/sys/unix"
)

// distrust is the alerts by which a client says that it does not take the server for the
// right one (RFC 8446 6.2). Go's client, and so ftpc, sends the first for whatever is wrong
// with a certificate.
var distrust = []tls.AlertError{42, 43, 44, 45, 46, 48}

// refusesCertificate reports whether an error is such an alert. One that crypto/tls has read
// is of a type of its own, with the text of tls.AlertError.
func refusesCertificate(err error) bool {
	if alert, ok := errors.AsType[tls.AlertError](err); ok {
		return slices.Contains(distrust, alert)
	}
	remote, ok := errors.AsType[*net.OpError](err)
	return ok && remote.Err != nil && slices.ContainsFunc(distrust, func(d tls.AlertError) bool {
		return remote.Err.Error() == d.Error()
	})
}

// whyTLS names why TLS has failed, and says what the name does not tell. shown is that the
// peer had been sent the certificate.
func whyTLS(err error, shown bool) (Reason, error) {
	switch {
	case refusesCertificate(err):
		return ReasonDistrust, fmt.Errorf("the client does not take this server for the right one: %w", err)
	case errors.Is(err, errGone) && shown:
		return ReasonHandshakeCut, errors.New("the client went away when it was shown the certificate, which it may not trust")
	case errors.Is(err, errGone):
		return ReasonHandshakeCut, errors.New("the client went away before it was shown the certificate")
	}
	return ReasonTLS, err
}

// whyUnread names why nothing more can be read.
func whyUnread(err error) (Reason, error) {
	var number unix.Errno
	switch {
	case errors.Is(err, errCut):
		return ReasonCut, nil
	case errors.As(err, &number):
		return ReasonReset, nil
	}
	return whyTLS(err, true)
}

// fail ends a connection whose TLS is of no use any more; an alert is still told.
func (c *Conn) fail(reason Reason, cause error) {
	c.flowing().cause = cause
	c.Finish(reason)
}

// Cause is part of Link.
func (c *Conn) Cause() error {
	if c.flow == nil {
		return nil
	}
	return c.flow.cause
}
