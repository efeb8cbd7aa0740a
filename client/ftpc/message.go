package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"path"
	"strconv"
	"strings"
	"syscall"

	"ftpd/client"
	"ftpd/internal/command"
	"ftpd/protocol"
)

// failure is an error of one named thing: a path, a pattern, an address.
type failure struct {
	name string
	hint string // takes precedence over what the error suggests; may be empty
	err  error
}

func (f *failure) Error() string { return f.name + ": " + f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// failed says of which name an error is, unless that is known already or the
// whole command line is wrong.
func failed(name string, err error) error {
	var known *failure
	var usage *command.UsageError
	if err == nil || errors.As(err, &known) || errors.As(err, &usage) {
		return err
	}
	return &failure{name: name, err: err}
}

// message is an error as a person reads it.
type message struct {
	name string // what it is about; may be empty
	text string
	hint string // may be empty
}

// setting is what an error happened in.
type setting struct {
	command   string            // empty before one was found
	address   string            // of the server
	user      string            // who is to log in; empty where nobody is
	plain     bool              // outside TLS
	identity  string            // the file of the key to log in with; empty where none is named
	unoffered int               // how many keys of the agent were too many to be offered
	given     map[string]string // paths on the server as the command line has them, such as URLs
	typed     []string          // URLs that paths of a profile have become, each before that
	unknown   string            // what could be a profile, and is none; may be empty
	readOnly  bool              // the server refuses every change
	users     bool              // the server has users, who can log in
	again     string            // what to do for another try; empty where the same command is right
}

const sameCommand = "run the same command again"

// spell returns a path on the server so that the command line could have it.
func (s setting) spell(remote string) string {
	if given, ok := s.given[remote]; ok {
		return given
	}
	return remote
}

// explain turns an error into words.
func (s setting) explain(err error) message {
	var m message
	var f *failure
	if errors.As(err, &f) {
		m.name = f.name
	}
	m.text, m.hint = s.words(err, m.name)
	if resumable, ok := errors.AsType[*client.ResumableError](err); ok && s.mayResume(m.hint) && worthAnother(err) {
		m.hint = sameCommand + ": " + goesOn(resumable)
	}
	if f != nil && f.hint != "" {
		m.hint = f.hint
	}
	if keys, ok := errors.AsType[*client.KeysError](err); ok && !errors.Is(err, context.Canceled) {
		text, hint := s.keyWords(keys)
		m.text += "; " + text
		m.hint = strings.TrimPrefix(m.hint+"; "+hint, "; ")
	}
	if s.unknown != "" && (errors.Is(err, client.ErrNotFound) || neverReached(err)) {
		m.hint = strings.TrimSuffix("there is no profile "+s.unknown+" (ftpc profile list); "+m.hint, "; ")
	}
	interrupted := m.hint == "" && errors.Is(err, context.Canceled)
	if s.again != "" && (interrupted || strings.HasPrefix(m.hint, sameCommand)) {
		m.hint = s.again
	}
	return m
}

// mayResume tells whether a hint leaves room for one that the same command goes on.
func (s setting) mayResume(hint string) bool {
	return hint == "" || hint == sameCommand || hint == startHint(s.address)
}

// goesOn tells with what the same command does not begin again.
func goesOn(r *client.ResumableError) string {
	if r.Part == "" {
		return "it goes on with what the server has"
	}
	return "it goes on behind the " + humanBytes(r.Size) + " in " + visible(r.Part)
}

// worthAnother tells whether an error may be gone the next time.
func worthAnother(err error) bool {
	_, local := errors.AsType[*client.LocalError](err)
	return local || fatal(err) || errors.Is(err, client.ErrIntegrity) || errors.Is(err, client.ErrBusy)
}

func (s setting) words(err error, name string) (text, hint string) {
	var (
		usage   *command.UsageError
		unknown *client.UnknownError
		batch   *batchError
		tree    *client.TreeError
		remote  *client.Error
		local   *client.LocalError
	)
	switch {
	case errors.As(err, &usage):
		typed := strings.NewReplacer(s.typed...)
		return visible(typed.Replace(usage.Message)), visible(typed.Replace(usage.Hint))
	case errors.Is(err, context.Canceled):
		return "interrupted", ""
	case fatal(err):
		text, hint = connectionWords(err, s.address)
		return text, cmp.Or(s.loginHint(err), hint)
	case errors.As(err, &batch):
		return fmt.Sprintf("%d of %d failed", batch.failed, batch.total), ""
	case errors.As(err, &tree):
		return fmt.Sprintf("%d failed", tree.Failed), ""
	case errors.As(err, &unknown):
		text, _ = connectionWords(err, s.address)
		return text + "; it may have been done", "look with ftpc ls before you try again"
	case errors.As(err, &local):
		return localWords(local, name)
	case errors.As(err, &remote):
		return s.remoteWords(remote)
	case errors.Is(err, errNoMatch):
		return errNoMatch.Error() + " on " + s.address, ""
	case errors.Is(err, errTooMany):
		return errTooMany.Error(), "list the directories in it, each by itself"
	}
	if f, ok := errors.AsType[*failure](err); ok {
		err = f.err // its name is printed before
	}
	return visible(err.Error()), ""
}

// neverReached tells whether there was no connection at all.
func neverReached(err error) bool {
	network, ok := errors.AsType[*client.NetworkError](err)
	return ok && network.Op == "dial"
}

// connectionWords explains why the connection was not made or was lost.
func connectionWords(err error, address string) (text, hint string) {
	var (
		network *client.NetworkError
		remote  *client.Error
		dns     *net.DNSError
	)
	isNetwork := errors.As(err, &network)
	switch {
	case errors.Is(err, client.ErrTimeout), errors.Is(err, context.DeadlineExceeded):
		return "timed out waiting for " + address, "--timeout sets how long to wait"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "no server answers at " + address, startHint(address)
	case errors.As(err, &dns):
		return "cannot find the host of " + address, "name a server with --server HOST:PORT or FTPC_SERVER"
	case neverReached(err):
		return "cannot reach " + address + ": " + visible(root(network).Error()), ""
	case isNetwork:
		return "lost the connection to " + address + ": " + visible(root(network).Error()), sameCommand
	case errors.Is(err, client.ErrTrust):
		return trustWords(err, address)
	case errors.Is(err, client.ErrTLS):
		return tlsWords(err, address)
	case errors.Is(err, client.ErrShuttingDown):
		return address + " is shutting down", sameCommand + " later"
	case errors.As(err, &remote):
		if remote.Retry {
			hint = sameCommand + " later"
		}
		return said(cmp.Or(remote.Message, codeWords(remote.Code)), address), hint
	}
	return visible(err.Error()), ""
}

// said is a sentence of a server.
func said(sentence, address string) string { return visible(sentence) + " (" + address + ")" }

// codeWords stand in for a sentence that a server left out.
func codeWords(code protocol.Code) string { return strings.ReplaceAll(code.String(), "_", " ") }

// startHint tells how to start a server, where that is up to the reader.
func startHint(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return ""
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return "is ftpd running there? --server HOST:PORT names another server"
	}
	if address == defaultServer {
		return "start one with: ftpd --root DIR"
	}
	return "start one with: ftpd --root DIR --listen " + net.JoinHostPort(host, port)
}

// root returns the innermost cause, which is the part worth reading.
func root(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

func localWords(err *client.LocalError, name string) (text, hint string) {
	cause := visible(root(err.Err).Error())
	if err.Path == "" || err.Path == name {
		return cause, ""
	}
	return visible(err.Path) + ": " + cause, ""
}

// phrases are the codes that need no sentence from the server.
var phrases = map[protocol.Code]string{
	protocol.NotFound:     "not found on",
	protocol.Exists:       "exists already on",
	protocol.IsDirectory:  "is a directory on",
	protocol.NotDirectory: "is not a directory on",
	protocol.NotEmpty:     "is not empty on",
	protocol.NoSpace:      "no space left on",
	protocol.Permission:   "permission denied on",
}

func (s setting) remoteWords(err *client.Error) (text, hint string) {
	hint = s.remoteHint(err)
	sentence := clean(err.Message, err.Path)
	below := namesBelow(err.Message, err.Path)
	if phrase, ok := phrases[err.Code]; ok && !below {
		text = phrase + " " + s.address
		if reason, ok := strings.CutPrefix(sentence, "permission denied: "); ok && !s.readOnly {
			text += ": " + visible(reason)
		}
		return text, hint
	}
	if below { // the hint would be for the name printed before
		hint = ""
	}
	return said(cmp.Or(sentence, codeWords(err.Code)), s.address), hint
}

// clean returns a server's sentence without the name that is printed before it,
// without the quotes of one below that, and without the kind of the error where
// a reason follows.
func clean(sentence, name string) string {
	inner, rest := cutName(sentence)
	switch {
	case rest == "":
	case path.Clean(inner) == path.Clean(name):
		sentence = rest
	case namesBelow(sentence, name):
		return inner + ": " + rest
	}
	return strings.TrimPrefix(sentence, "invalid argument: ")
}

// namesBelow tells whether a server's sentence is about a path below name, as
// where part of a tree cannot be removed.
func namesBelow(sentence, name string) bool {
	inner, _ := cutName(sentence)
	return strings.HasPrefix(inner, path.Clean(name)+"/")
}

// cutName takes apart a server's sentence that begins with a quoted path; of
// another one rest is empty.
func cutName(sentence string) (name, rest string) {
	quoted, err := strconv.QuotedPrefix(sentence)
	if err != nil {
		return "", ""
	}
	rest, ok := strings.CutPrefix(sentence[len(quoted):], ": ")
	if !ok {
		return "", ""
	}
	if name, err = strconv.Unquote(quoted); err != nil {
		return "", ""
	}
	return name, rest
}

// hints are what helps against a code in a command.
var hints = map[protocol.Code]map[string]string{
	protocol.IsDirectory: {
		"get": "-r gets a directory with all it holds",
		"put": "-d DIR puts into a directory",
		"rm":  "-r removes a directory with all it holds",
		"sum": "a pattern in quotes is for what a directory holds: 'DIR/**'",
	},
	protocol.NotFound: {
		"mkdir": "-p makes the missing parents too",
	},
	protocol.Exists: {
		"mkdir": "-p is content with a directory that exists, not with a file",
	},
}

func (s setting) remoteHint(err *client.Error) string {
	if given, ok := s.given[err.Path]; ok && err.Code == protocol.IsDirectory && s.command == "put" {
		return "-d " + visible(given) + " puts into it"
	}
	if hint := hints[err.Code][s.command]; hint != "" {
		return hint
	}
	switch {
	case err.Code == protocol.Changed && s.command == "put":
		return "ftpc stat --json tells the etag that it has now, if it is there"
	case err.Code == protocol.Permission && s.readOnly:
		return "the server is read-only"
	case err.Code == protocol.Permission && s.users && s.user == "" && !strings.Contains(err.Message, ": permission denied: "):
		return "nobody is logged in: --user NAME, or NAME@ in the URL, logs in who may be allowed more"
	case err.Code == protocol.Invalid && err.Path != "" && strings.Trim(err.Path, "/") == "":
		return "the served directory itself is ."
	case err.Code == protocol.Invalid && strings.HasPrefix(err.Path, "/"):
		return "paths begin at the served directory: " + visible(strings.TrimLeft(err.Path, "/"))
	case err.Code == protocol.Changed, err.Code == protocol.Integrity:
		return sameCommand
	case err.Code == protocol.Quota:
		return "ftpc rm makes room, and what an interrupted put has left goes when that put is run again; on the server ftpd user set NAME --quota, or --quota-files, and SIGHUP give more"
	case err.Code == protocol.Busy:
		return sameCommand + " later"
	}
	return ""
}
