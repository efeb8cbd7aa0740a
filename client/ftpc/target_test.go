package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseTarget(t *testing.T) {
	tests := []struct {
		in, address, user, path, pattern, fails string
		secure                                  bool
	}{
		{in: "a/b", path: "a/b"},
		{in: "a/*", path: "a/*", pattern: "a/*"},
		{in: "a/%2A*", path: "a/%2A*", pattern: "a/%2A*"}, // only a URL has %XX
		{in: "[x", path: "[x"},
		{in: "ftpd://h/a/%2a", address: "h:2120", path: "a/*"},
		{in: "ftpd://h/%5bx]%3F", address: "h:2120", path: "[x]?"},
		{in: "ftpd://h/%2A*%20%5C%5D", address: "h:2120", path: `** \]`, pattern: `\** \\\]`},
		{in: "ftpd://h/[!%2D]%3f", address: "h:2120", path: "[!-]?", pattern: `[!\-]\?`},
		{in: "", path: ""},
		{in: "host:99/a", path: "host:99/a"}, // a path: only the scheme makes a URL
		{in: "ftpd:/a", path: "ftpd:/a"},
		{in: "ftpd://h/a/b", address: "h:2120", path: "a/b"},
		{in: "FTPD://h/a", address: "h:2120", path: "a"},
		{in: "ftpd://h:99", address: "h:99"},
		{in: "ftpd://h:99/", address: "h:99"},
		{in: "ftpd://ann@h/a@b", address: "h:2120", user: "ann", path: "a@b"},
		{in: "ftpds://j%C3%B6rg@h/a", address: "h:2120", user: "jörg", secure: true, path: "a"},
		{in: "FTPDS://h:99", address: "h:99", secure: true},
		{in: "ftpds:///a", secure: true, path: "a"},
		{in: "ftpds://", fails: `"" is no server address`},
		{in: "ftpd://[::1]:99/a", address: "[::1]:99", path: "a"},
		{in: "ftpd://[::1]/a", address: "[::1]:2120", path: "a"},
		{in: "ftpd://h/a%20b%2Fc%ff", address: "h:2120", path: "a b/c\xff"},
		{in: "ftpd://h/a?[b-c]*#d", address: "h:2120", path: "a?[b-c]*#d", pattern: "a?[b-c]*#d"},
		{in: "ftpd://h//a", address: "h:2120", path: "/a"},
		{in: "ftpd://ann:secret@h/a", fails: secretIn("URL").Error()},
		{in: "ftpd:///a", path: "a"},
		{in: "ftpd://", fails: `"" is no server address`},
		{in: "ftpd://h:0/a", fails: `"h:0" is no server address`},
		{in: "ftpd://h:x/a", fails: `"h:..." is no server address`},
		{in: "ftpd://h/%zz", fails: `ftpd://h/%zz: invalid URL escape "%zz"`},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			got, err := parseTarget(tt.in)
			if diff := cmp.Diff(tt.fails, text(err)); diff != "" {
				t.Fatal(diff)
			}
			if want := (target{tt.in, server{tt.address, tt.secure, tt.user}, tt.path, tt.pattern}); err == nil && got != want {
				t.Errorf("%+v, want %+v", got, want)
			}
		})
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestParseServer(t *testing.T) {
	tests := []struct {
		in, want, fails string
		on              server
	}{
		{in: "ftpds://ann@h", on: server{address: "h:2120", secure: true, user: "ann"}},
		{in: "ftpd://ann@h/", on: server{address: "h:2120", user: "ann"}},
		{in: "h", want: "h:2120"},
		{in: "h:1", want: "h:1"},
		{in: "::1", want: "[::1]:2120"},
		{in: "fe80::1%eth0", want: "[fe80::1%eth0]:2120"},
		{in: "[::1]", want: "[::1]:2120"},
		{in: "[::1]:5", want: "[::1]:5"},
		{in: "ftpd://h:7", want: "h:7"},
		{in: "ftpd://h/a", fails: "the URL of h:2120 names a path, not only a server"},
		{in: "", fails: `"" is no server address`},
		{in: ":1", fails: `":1" is no server address`},
		{in: "h:65536", fails: `"h:65536" is no server address`},
		{in: "h:1:2", fails: `"h:1:2" is no server address`},
		{in: "http://h", fails: "http:// is not supported"},
	}
	for _, tt := range tests {
		got, err := parseServer(tt.in)
		if tt.want != "" {
			tt.on.address = tt.want
		}
		if text(err) != tt.fails || err == nil && got != tt.on {
			t.Errorf("parseServer(%q) = %+v, %v, want %+v, %s", tt.in, got, err, tt.on, tt.fails)
		}
	}
}

func TestRefuseForeign(t *testing.T) {
	tests := map[string]string{
		"ftp://h/a":     "ftp:// is not supported",
		"SFTP://h":      "SFTP:// is not supported",
		"ftpds://h/a":   "",
		"ftps://h/a":    "ftps:// is not supported",
		"svn+ssh://h":   "svn+ssh:// is not supported",
		"ftpd://h/a":    "",
		"FTPD://h/a":    "",
		"h:2120/a":      "",
		"ftp:/a":        "",
		"./ftp://h/a":   "",
		"a b://c":       "",
		"2b://c":        "",
		"://c":          "",
		"":              "",
		"ftpd://h/a://": "",
	}
	for in, want := range tests {
		if err := refuseForeign(in); text(err) != want {
			t.Errorf("refuseForeign(%q) = %v, want %q", in, err, want)
		}
	}
}

// The server is that of the flag, of the URLs, of the environment, or the
// default, and never two of them in one command.
func TestResolve(t *testing.T) {
	fallback := server{address: "127.0.0.1:2120"}
	type arguments = []string
	tests := []struct {
		name      string
		arguments arguments
		asked     string
		on        string // as --server names it
		paths     []string
		fails     string
	}{
		{name: "nothing", on: "127.0.0.1"},
		{name: "path", arguments: arguments{"a"}, on: "127.0.0.1", paths: []string{"a"}},
		{name: "flag", arguments: arguments{"a"}, asked: "h:1", on: "h:1", paths: []string{"a"}},
		{name: "URL", arguments: arguments{"ftpd://h:1/a"}, on: "h:1", paths: []string{"a"}},
		{
			name:      "URLs",
			arguments: arguments{"ftpd://h:1/a", "ftpd://h:1/b"}, on: "h:1", paths: []string{"a", "b"},
		},
		{
			name:      "flag and URL agree",
			arguments: arguments{"a", "ftpd://h:1/b"}, asked: "h:1", on: "h:1", paths: []string{"a", "b"},
		},
		{
			name:      "URL of the default",
			arguments: arguments{"a", "ftpd://127.0.0.1/b"}, on: "127.0.0.1", paths: []string{"a", "b"},
		},
		{
			name:      "who names no user leaves that to another",
			arguments: arguments{"ftpds://h/a", "ftpds://ann@h/b"}, on: "ftpds://ann@h", paths: []string{"a", "b"},
		},
		{
			name:      "two users",
			arguments: arguments{"ftpds://bob@h/a", "ftpds://ann@h/b"},
			fails:     "one command has one user, not those of ftpds://bob@h:2120 and ftpds://ann@h:2120",
		},
		{
			name:      "TLS and none",
			arguments: arguments{"ftpds://h/a", "ftpd://h/b"},
			fails:     "one command talks to one server, not to ftpds://h:2120 and h:2120",
		},
		{name: "no host", arguments: arguments{"ftpds://ann@/a", "b"}, on: "ftpds://ann@127.0.0.1", paths: []string{"a", "b"}},
		{name: "no host, but a flag", arguments: arguments{"ftpds:///a"}, asked: "h", on: "ftpds://h", paths: []string{"a"}},
		{
			name:      "two URLs",
			arguments: arguments{"ftpd://h/a", "ftpd://i/b"},
			fails:     "one command talks to one server, not to h:2120 and i:2120",
		},
		{
			name:      "flag against URL",
			arguments: arguments{"ftpd://h/a"}, asked: "i:2120",
			fails: "one command talks to one server, not to i:2120 and h:2120",
		},
		{
			name:      "path beside URL",
			arguments: arguments{"ftpd://h/a", "b"},
			fails:     "b would be on 127.0.0.1:2120 and the rest on h:2120",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			on, targets, err := resolve(tt.arguments, named(t, tt.asked), fallback)
			if text(err) != tt.fails {
				t.Fatalf("error %v, want %q", err, tt.fails)
			}
			if err != nil {
				return
			}
			if diff := cmp.Diff(tt.paths, pathsOf(targets)); diff != "" || on != named(t, tt.on) {
				t.Errorf("%+v\n%s", on, diff)
			}
		})
	}
}

// named is a server as --server names it; none is empty.
func named(t *testing.T, value string) server {
	t.Helper()
	if value == "" {
		return server{}
	}
	s, err := parseServer(value)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestRemoteBase(t *testing.T) {
	tests := map[string]string{
		"a": "a", "a/b": "b", "a/b/": "b", "a/b//": "b", "a/.": "a", "./a": "a",
		"": "", ".": "", "./": "", "/": "", "a/..": "..", "..": "..",
	}
	for in, want := range tests {
		if got := remoteBase(in); got != want {
			t.Errorf("remoteBase(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestJoinRemote(t *testing.T) {
	tests := []struct{ dir, name, want string }{
		{"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"", "b", "b"}, {".", "b", "b"}, {"./", "b", "b"},
		{"/", "b", "/b"}, {"a", "", "a"}, {"", "", ""},
	}
	for _, tt := range tests {
		if got := joinRemote(tt.dir, tt.name); got != tt.want {
			t.Errorf("joinRemote(%q, %q) = %q, want %q", tt.dir, tt.name, got, tt.want)
		}
	}
}

func TestLocalName(t *testing.T) {
	tests := []struct {
		remote, name string
		safe         bool
	}{
		{"a/b", "b", true},
		{"a/b c\n", "b c\n", true},
		{"a/-rf", "-rf", true},
		{".", "", true},
		{"a/..", "..", false},
		{"..", "..", false},
	}
	for _, tt := range tests {
		if name, safe := localName(tt.remote); name != tt.name || safe != tt.safe {
			t.Errorf("localName(%q) = %q, %v", tt.remote, name, safe)
		}
	}
}
