package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ftpd/client"
	"ftpd/internal/command"
	"ftpd/protocol"
)

func refused(code protocol.Code, sentence string) error {
	return &client.Error{Op: "get", Path: "a", Code: code, Message: sentence}
}

// ended is what every request fails with once the server has ended the
// connection.
func ended(code protocol.Code, retry bool, sentence string) error {
	return fmt.Errorf("get a: %w", &client.Error{Op: "connection", Code: code, Retry: retry, Message: sentence})
}

func unreachable(err error) error {
	return &client.NetworkError{Op: "dial", Address: "h:1", Err: &net.OpError{Op: "dial", Err: err}}
}

func missingHere() error {
	return &client.LocalError{Op: "open", Path: "a", Err: &fs.PathError{Op: "open", Path: "a", Err: syscall.ENOENT}}
}

// Every error a command can end with has its status and its words.
func TestErrors(t *testing.T) {
	const loopback = "127.0.0.1:2120"
	tree := func(errs ...error) error { return &client.TreeError{Failed: int64(len(errs)), Errors: errs} }
	tests := []struct {
		name   string
		err    error
		status status
		want   message
	}{
		{"usage", command.Usagef("no"), statusUsage, message{text: "no"}},
		{"interrupted", context.Canceled, statusInterrupted, message{text: "interrupted"}},
		{"not found", failed("a", refused(protocol.NotFound, "x")), statusNotFound, message{name: "a", text: "not found on " + loopback}},
		{"no match", failed("*", errNoMatch), statusNotFound, message{name: "*", text: "matches nothing on " + loopback}},
		{"permission", refused(protocol.Permission, "x"), statusPermission, message{text: "permission denied on " + loopback}},
		{"permission and why", refused(protocol.Permission, `"a": permission denied: it leads out of the served directory`), statusPermission, message{text: "permission denied on " + loopback + ": it leads out of the served directory"}},
		{"permission below", refused(protocol.Permission, `"a/b\n": permission denied; 2 more could not be removed`), statusPermission, message{text: `a/b\n: permission denied; 2 more could not be removed (` + loopback + ")"}},
		{"permission beside", refused(protocol.Permission, `"ab/c": permission denied`), statusPermission, message{text: "permission denied on " + loopback}},
		{"directory below", refused(protocol.IsDirectory, `"a/b": is a directory`), statusOther, message{text: "a/b: is a directory (" + loopback + ")"}},
		{"login", refused(protocol.Auth, "no such user"), statusPermission, message{text: "no such user (" + loopback + ")", hint: "--user NAME, or NAME@ in the URL, logs in"}},
		{"no password", &client.LocalError{Op: "password", Err: &failure{hint: "h", err: errNoPassword}}, statusPermission, message{text: "no password was given", hint: "h"}},
		{"trust", &client.TrustError{Address: loopback, Err: errors.New("x\x1b")}, statusPermission, message{text: "no authority of --ca vouches for " + loopback + `: x\x1b`}},
		{"no TLS", &client.TLSError{Address: loopback, Err: client.ErrSecureServer}, statusOther, message{text: loopback + " speaks TLS", hint: "--tls, or ftpds://" + loopback + ", speaks it too"}},
		{"integrity", refused(protocol.Integrity, "block 3 is damaged"), statusIntegrity, message{text: "block 3 is damaged (" + loopback + ")", hint: "run the same command again"}},
		{"no space", refused(protocol.NoSpace, "x"), statusOther, message{text: "no space left on " + loopback}},
		{"quota", refused(protocol.Quota, "quota exceeded"), statusOther, message{text: "quota exceeded (" + loopback + ")", hint: "ftpc rm makes room, and what an interrupted put has left goes when that put is run again; on the server ftpd user set NAME --quota, or --quota-files, and SIGHUP give more"}},
		{"no sentence", refused(protocol.TooLarge, ""), statusOther, message{text: "too large (" + loopback + ")"}},
		{"escapes", refused(protocol.IO, "\x1b[2J"), statusOther, message{text: `\x1b[2J (` + loopback + ")"}},
		{"directory", refused(protocol.IsDirectory, "x"), statusOther, message{text: "is a directory on " + loopback, hint: "-r gets a directory with all it holds"}},
		{"own hint", &failure{name: "a", hint: "b", err: errDirectory}, statusOther, message{name: "a", text: "is a directory here", hint: "b"}},
		{"missing here", failed("a", missingHere()), statusLocal, message{name: "a", text: "no such file or directory"}},
		{"missing elsewhere", failed("b", missingHere()), statusLocal, message{name: "b", text: "a: no such file or directory"}},
		{"local is not remote", &client.LocalError{Path: "a", Err: client.ErrChanged}, statusLocal, message{text: "a: changed"}},
		{"cancelled here", &client.LocalError{Err: context.Canceled}, statusInterrupted, message{text: "interrupted"}},
		{"refused", unreachable(syscall.ECONNREFUSED), statusNetwork, message{text: "no server answers at " + loopback, hint: "start one with: ftpd --root DIR"}},
		{"no host", unreachable(&net.DNSError{Err: "no such host", IsNotFound: true}), statusNetwork, message{text: "cannot find the host of " + loopback, hint: "name a server with --server HOST:PORT or FTPC_SERVER"}},
		{"no route", unreachable(syscall.EHOSTUNREACH), statusNetwork, message{text: "cannot reach " + loopback + ": no route to host"}},
		{"lost", &client.NetworkError{Op: "read", Err: syscall.ECONNRESET}, statusNetwork, message{text: "lost the connection to " + loopback + ": connection reset by peer", hint: "run the same command again"}},
		{"lost, some is here", resumable(".a.ftpc-part", &client.NetworkError{Op: "read", Err: syscall.ECONNRESET}), statusNetwork, message{text: "lost the connection to " + loopback + ": connection reset by peer", hint: "run the same command again: it goes on behind the 1.0 MiB in .a.ftpc-part"}},
		{"interrupted, some is there", resumable("", context.Canceled), statusInterrupted, message{text: "interrupted", hint: "run the same command again: it goes on with what the server has"}},
		{"not found, some is here", resumable(".a.ftpc-part", refused(protocol.NotFound, "x")), statusNotFound, message{text: "not found on " + loopback}},
		{"timeout", unreachable(context.DeadlineExceeded), statusTimeout, message{text: "timed out waiting for " + loopback, hint: "--timeout sets how long to wait"}},
		{"shutting down", refused(protocol.ShuttingDown, "x"), statusNetwork, message{text: loopback + " is shutting down", hint: "run the same command again later"}},
		{"busy", refused(protocol.Busy, "too many clients"), statusNetwork, message{text: "too many clients (" + loopback + ")", hint: "run the same command again later"}},
		{"ended by the server", ended(protocol.Busy, true, "out of memory"), statusNetwork, message{text: "out of memory (" + loopback + ")", hint: "run the same command again later"}},
		{"ended without a word", ended(protocol.Busy, true, ""), statusNetwork, message{text: "busy (" + loopback + ")", hint: "run the same command again later"}},
		{"ended in earnest", ended(protocol.Unsupported, false, "no such version"), statusOther, message{text: "no such version (" + loopback + ")"}},
		{"ended by a breach", ended(protocol.Protocol, false, "PONG came unasked"), statusOther, message{text: "PONG came unasked (" + loopback + ")"}},
		{"some", &batchError{failed: 2, total: 3}, statusSomeFailed, message{text: "2 of 3 failed"}},
		{"tree", failed("t", tree(refused(protocol.Permission, "x"), missingHere())), statusSomeFailed, message{name: "t", text: "2 failed"}},
		{"tree cut off", tree(missingHere(), unreachable(syscall.ECONNREFUSED)), statusNetwork, message{text: "no server answers at " + loopback, hint: "start one with: ftpd --root DIR"}},
		{"anything", fmt.Errorf("odd\n"), statusOther, message{text: `odd\n`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := statusOf(tt.err); got != tt.status {
				t.Errorf("status %d, want %d", got, tt.status)
			}
			got := setting{command: "get", address: loopback}.explain(tt.err)
			if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(message{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func resumable(part string, err error) error {
	return &client.ResumableError{Part: part, Size: 1 << 20, Err: err}
}

func TestReadOnlyHint(t *testing.T) {
	s := setting{command: "put", address: "h:1", readOnly: true}
	if got := s.explain(refused(protocol.Permission, "x")).hint; got != "the server is read-only" {
		t.Errorf("hint %q", got)
	}
}

// Who is not logged in hears that a login may help, where the server has users and gives no
// other reason.
func TestPermissionWithoutALogin(t *testing.T) {
	const away = "permission denied: it leads out of the served directory"
	for _, test := range []struct {
		s        setting
		sentence string
		want     bool
	}{
		{setting{users: true}, "permission denied", true},
		{setting{users: true, user: "ann"}, "permission denied", false},
		{setting{}, "permission denied", false},
		{setting{users: true}, `"a": ` + away, false},
	} {
		hint := test.s.explain(refused(protocol.Permission, test.sentence)).hint
		if strings.Contains(hint, "--user NAME") != test.want {
			t.Errorf("%+v, %q: hint %q", test.s, test.sentence, hint)
		}
	}
}

func TestStatusOfNothing(t *testing.T) {
	if statusOf(nil) != statusDone {
		t.Error("no error is not status 0")
	}
}

func TestStartHint(t *testing.T) {
	tests := map[string]string{
		"127.0.0.1:2120": "start one with: ftpd --root DIR",
		"localhost:99":   "start one with: ftpd --root DIR --listen localhost:99",
		"[::1]:99":       "start one with: ftpd --root DIR --listen [::1]:99",
		"192.0.2.1:2120": "is ftpd running there? --server HOST:PORT names another server",
	}
	for address, want := range tests {
		if got := startHint(address); got != want {
			t.Errorf("startHint(%s) = %q, want %q", address, got, want)
		}
	}
}

// An error is named once, by whoever knows the name best.
func TestFailedKeepsTheFirstName(t *testing.T) {
	err := failed("outer", failed("inner", errors.New("x")))
	if got := (setting{}).explain(err).name; got != "inner" {
		t.Errorf("name %q", got)
	}
	if failed("a", nil) != nil {
		t.Error("no error has no name")
	}
}

// Only where it is that of standard output: elsewhere it is an error.
func TestBrokenPipeIsQuiet(t *testing.T) {
	gone := &fs.PathError{Op: "write", Err: syscall.EPIPE}
	if !brokenPipe(&client.LocalError{Op: "write", Err: gone}) {
		t.Error("standard output is not recognised")
	}
	if brokenPipe(&client.LocalError{Op: "write", Path: "fifo", Err: gone}) || brokenPipe(&client.NetworkError{Err: gone}) {
		t.Error("a fault is swallowed")
	}
}
