package main

import (
	"net"
	"net/netip"
	"net/url"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"ftpd/client"
	"ftpd/internal/command"
	"ftpd/protocol"
)

// scheme begins a URL that stands in place of a path.
const scheme = "ftpd://"

// target is a path on a server, as an argument gave it.
type target struct {
	given   string // the argument
	address string // host:port; empty where the argument was a plain path
	path    string // as it is
	pattern string // the same as a pattern; empty where it can only be a name
}

func isURL(argument string) bool {
	return len(argument) >= len(scheme) && strings.EqualFold(argument[:len(scheme)], scheme)
}

// refuseForeign refuses a URL of another program: taken for a path, it would
// be a name on a server that nobody meant.
func refuseForeign(argument string) error {
	name, _, ok := strings.Cut(argument, "://")
	if !ok || isURL(argument) || !isScheme(name) {
		return nil
	}
	usage := command.Usagef("%s:// is not supported", name)
	usage.Hint = "a URL is " + scheme + "HOST:PORT/PATH; ./" + name + ":/ begins a path"
	return usage
}

// isScheme tells what can stand before the colon of a URL (RFC 3986, 3.1).
func isScheme(s string) bool {
	for i, r := range strings.ToLower(s) {
		if letter := r >= 'a' && r <= 'z'; !letter && (i == 0 || !strings.ContainsRune("0123456789+-.", r)) {
			return false
		}
	}
	return s != ""
}

// parseTarget reads a path or a URL. In a URL %XX stands for a byte, which is
// never one of a pattern's special characters; ? and # are ordinary, because a
// pattern needs the one and neither means anything.
// Without a host it is a path on the server of plain paths.
// A user's name is accepted and not sent: no server asks for a login yet.
func parseTarget(argument string) (target, error) {
	if !isURL(argument) {
		return target{given: argument, path: argument, pattern: patternOf(argument)}, nil
	}
	authority, escaped, hasPath := strings.Cut(argument[len(scheme):], "/")
	if user, host, ok := cutLast(authority, "@"); ok {
		if strings.Contains(user, ":") {
			return target{}, command.Usagef("a password does not belong in a URL")
		}
		authority = host
	}
	address := ""
	if authority != "" || !hasPath { // else the path is on the server that a plain one is on
		var err error
		if address, err = parseAddress(authority); err != nil {
			return target{}, err
		}
	}
	plain, err := url.PathUnescape(escaped)
	if err != nil {
		return target{}, command.Usagef("%s: %v", argument, err)
	}
	return target{given: argument, address: address, path: plain, pattern: urlPattern(escaped)}, nil
}

// urlPattern returns the path of a URL, in which every %XX is known to be
// well-formed, as a pattern; empty where it can only be a name.
func urlPattern(escaped string) string {
	if patternOf(escaped) == "" {
		return ""
	}
	var b strings.Builder
	for escaped != "" {
		before, after, found := strings.Cut(escaped, "%")
		b.WriteString(before)
		if !found {
			break
		}
		char, _ := strconv.ParseUint(after[:2], 16, 8) // it is known to be well-formed
		if strings.IndexByte(`*?[]^!-\`, byte(char)) >= 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(byte(char))
		escaped = after[2:]
	}
	return patternOf(b.String()) // a class may hold what only was one with %XX
}

// isRoot tells whether an argument is the URL of a served directory.
func isRoot(argument string) bool {
	t, err := parseTarget(argument)
	return err == nil && isURL(argument) && remoteBase(t.path) == ""
}

// parseServer reads the value of --server: HOST:PORT, HOST or a URL without a
// path.
func parseServer(value string) (string, error) {
	if err := refuseForeign(value); err != nil {
		return "", err
	}
	if !isURL(value) {
		return parseAddress(value)
	}
	t, err := parseTarget(value)
	switch {
	case err != nil:
	case t.address == "":
		err = badAddress(value)
	case t.path != "":
		err = command.Usagef("%s names a path, not only a server", value)
	}
	return t.address, err
}

// parseAddress completes HOST, HOST:PORT, [V6]:PORT or a bare IPv6 address to
// host:port.
func parseAddress(s string) (string, error) {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		host = strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")
		port = strconv.Itoa(protocol.DefaultPort)
		if strings.Contains(host, ":") && notIP(host) {
			return "", badAddress(s)
		}
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil || number == 0 || host == "" || strings.ContainsAny(host, "/@[] \t\r\n") {
		return "", badAddress(s)
	}
	return net.JoinHostPort(host, port), nil
}

func notIP(s string) bool {
	_, err := netip.ParseAddr(s) // which knows the zones of fe80::1%eth0
	return err != nil
}

func badAddress(s string) error {
	usage := command.Usagef("%q is no server address", s)
	usage.Hint = "an address is HOST:PORT, such as " + defaultServer
	return usage
}

// resolve reads the path arguments of one command. All of them must be on one
// server: on asked where the user named one, otherwise on that of the URLs,
// otherwise on fallback.
func resolve(arguments []string, asked, fallback string) (address string, targets []target, err error) {
	address = asked
	plain := ""
	for _, argument := range arguments {
		t, err := parseTarget(argument)
		switch {
		case err != nil:
			return "", nil, err
		case t.address == "":
			plain = argument
		case address != "" && address != t.address:
			return "", nil, command.Usagef("one command talks to one server, not to %s and %s", address, t.address)
		default:
			address = t.address
		}
		targets = append(targets, t)
	}
	if address == "" {
		return fallback, targets, nil
	}
	// A plain path means the server that --server or FTPC_SERVER names. To take
	// it as one of the URL's server could remove the wrong file.
	if plain != "" && asked == "" && address != fallback {
		usage := command.Usagef("%s would be on %s and the rest on %s", plain, fallback, address)
		usage.Hint = "give every path as a URL, or none and --server " + address
		return "", nil, usage
	}
	return address, targets, nil
}

func pathsOf(targets []target) []string {
	var paths []string
	for _, t := range targets {
		paths = append(paths, t.path)
	}
	return paths
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return "", s, false
}

// patternOf returns a path where it may be a pattern, and otherwise nothing.
// One with a "[" that nothing closes can only be a name.
func patternOf(s string) string {
	if _, err := path.Match(client.PathPattern(s), ""); err != nil || !strings.ContainsAny(s, "*?[") {
		return ""
	}
	return s
}

// remoteBase returns the last name of a path on the server, without touching
// ".." (which the server refuses). The root has none.
func remoteBase(remote string) string {
	for remote != "" {
		before, name, _ := cutLast(remote, "/")
		if name != "" && name != "." {
			return name
		}
		remote = before
	}
	return ""
}

// joinRemote puts a name below a directory on the server.
func joinRemote(dir, name string) string {
	trimmed := strings.TrimRight(dir, "/")
	switch {
	case name == "":
		return dir
	case trimmed == "" && dir != "":
		return "/" + name // the server refuses it, and says why
	case trimmed == "" || trimmed == ".":
		return name
	}
	return trimmed + "/" + name
}

// localName returns the name that a file from the server gets on this
// machine, and false where there is no safe one: the name is the server's.
func localName(remote string) (string, bool) {
	name := remoteBase(remote)
	if name == "" {
		return "", true // the root: its content goes where it is put
	}
	ok := filepath.IsLocal(name) && name != ".." && filepath.Base(name) == name
	return name, ok && path.Base(filepath.ToSlash(name)) == name
}
