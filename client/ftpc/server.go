package main

import (
	"cmp"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"ftpd/internal/command"
	"ftpd/protocol"
)

// The schemes begin a URL that stands in place of a path.
const (
	scheme       = "ftpd://"
	secureScheme = "ftpds://"
)

// server is one that an argument, a flag or the environment names.
type server struct {
	address string // host:port; empty where nothing was named
	secure  bool   // inside TLS
	user    string // whom to log in as; empty where nobody was named
}

// defaultServer is where a server listens that was started without flags.
const defaultServer = "127.0.0.1:2120"

// String returns how the command line could name the server, without the user.
func (s server) String() string {
	if s.secure {
		return secureScheme + s.address
	}
	return s.address
}

// url returns the beginning of a URL on the server.
func (s server) url() string {
	begin, user := scheme, ""
	if s.secure {
		begin = secureScheme
	}
	if s.user != "" {
		user = url.User(s.user).String() + "@"
	}
	return begin + user + s.address
}

// agree returns what two name together, and whether that is one server. Who names no user
// leaves that to the other.
func (s server) agree(t server) (server, bool) {
	switch {
	case s.user == "":
		s.user = t.user
	case t.user == "":
		t.user = s.user
	}
	return s, s == t
}

// cutScheme returns what follows the scheme of a URL.
func cutScheme(argument string) (rest string, secure, ok bool) {
	for _, begin := range []string{scheme, secureScheme} {
		if len(argument) >= len(begin) && strings.EqualFold(argument[:len(begin)], begin) {
			return argument[len(begin):], begin == secureScheme, true
		}
	}
	return argument, false, false
}

func isURL(argument string) bool {
	_, _, ok := cutScheme(argument)
	return ok
}

// refuseForeign refuses a URL of another program: taken for a path, it would
// be a name on a server that nobody meant.
func refuseForeign(argument string) error {
	name, _, ok := strings.Cut(argument, "://")
	if !ok || isURL(argument) || !isScheme(name) {
		return nil
	}
	usage := command.Usagef("%s:// is not supported", name)
	usage.Hint = "a URL is " + scheme + "HOST:PORT/PATH, or " + secureScheme + " inside TLS; ./" + name + ":/ begins a path"
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

// parseServer reads the value of --server: HOST:PORT, HOST or a URL without a
// path.
func parseServer(value string) (server, error) {
	if err := refuseForeign(value); err != nil {
		return server{}, err
	}
	if !isURL(value) {
		address, err := parseAddress(value)
		return server{address: address}, err
	}
	t, err := parseTarget(value)
	switch {
	case err != nil:
	case t.server.address == "":
		err = badAddress(value)
	case t.path != "":
		err = command.Usagef("the URL of %s names a path, not only a server", t.server.address)
	}
	return t.server, err
}

// parseAuthority reads what stands between scheme and path of a URL. Without a host it is
// the server of plain paths, if that is allowed.
func parseAuthority(authority string, secure, empty bool) (server, error) {
	s := server{secure: secure}
	if user, host, ok := cutLast(authority, "@"); ok {
		if strings.Contains(user, ":") {
			return server{}, secretIn("URL")
		}
		name, err := url.PathUnescape(user)
		if err != nil {
			return server{}, command.Usagef("%s: %v", authority, err)
		}
		s.user, authority = name, host
	}
	if authority == "" && empty {
		return s, nil
	}
	var err error
	s.address, err = parseAddress(authority)
	return s, err
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

// badAddress shows what cannot be an address. What is behind its colon and no number may be a
// password.
func badAddress(s string) error {
	if maySaySecret(s) {
		return secretIn("server address")
	}
	host, port, _ := strings.Cut(s, ":")
	if strings.Trim(port, "0123456789:") != "" && !strings.HasPrefix(s, "[") {
		s = host + ":..."
	}
	usage := command.Usagef("%q is no server address", s)
	usage.Hint = "an address is HOST:PORT, such as " + defaultServer
	return usage
}

// notOne is two servers in one command, of which the users may be all that differs.
func notOne(s, t server) error {
	if s.String() == t.String() {
		return command.Usagef("one command has one user, not those of %s and %s", s.url(), t.url())
	}
	return command.Usagef("one command talks to one server, not to %s and %s", s, t)
}

// resolve reads the path arguments of one command. All of them must be on one
// server: on asked where the user named one, otherwise on that of the URLs,
// otherwise on fallback.
func resolve(arguments []string, asked, fallback server) (one server, targets []target, err error) {
	one = asked
	plain := ""
	var more server // what URLs without a host say
	for _, argument := range arguments {
		t, err := parseTarget(argument)
		if err != nil {
			return server{}, nil, err
		}
		targets = append(targets, t)
		switch agreed, same := one.agree(t.server); {
		case t.server.address == "":
			plain = argument
			more.secure = more.secure || t.server.secure
			more.user = cmp.Or(more.user, t.server.user)
		case one.address == "":
			one = t.server
		case !same:
			return server{}, nil, notOne(one, t.server)
		default:
			one = agreed
		}
	}
	if one.address == "" {
		one = fallback
	}
	// A plain path means the server that --server or FTPC_SERVER names. To take
	// it as one of the URL's server could remove the wrong file.
	if _, same := one.agree(fallback); plain != "" && asked.address == "" && !same {
		usage := command.Usagef("%s would be on %s and the rest on %s", plain, fallback, one)
		usage.Hint = "give every path as a URL, or none and --server " + one.String()
		return server{}, nil, usage
	}
	one.secure = one.secure || more.secure
	one.user = cmp.Or(one.user, more.user)
	return one, targets, nil
}
