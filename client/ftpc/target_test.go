package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseTarget(t *testing.T) {
	tests := []struct{ in, address, path, pattern, fails string }{
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
		{in: "ftpd://ann@h/a@b", address: "h:2120", path: "a@b"},
		{in: "ftpd://[::1]:99/a", address: "[::1]:99", path: "a"},
		{in: "ftpd://[::1]/a", address: "[::1]:2120", path: "a"},
		{in: "ftpd://h/a%20b%2Fc%ff", address: "h:2120", path: "a b/c\xff"},
		{in: "ftpd://h/a?[b-c]*#d", address: "h:2120", path: "a?[b-c]*#d", pattern: "a?[b-c]*#d"},
		{in: "ftpd://h//a", address: "h:2120", path: "/a"},
		{in: "ftpd://ann:secret@h/a", fails: "a password does not belong in a URL"},
		{in: "ftpd:///a", path: "a"},
		{in: "ftpd://", fails: `"" is no server address`},
		{in: "ftpd://h:0/a", fails: `"h:0" is no server address`},
		{in: "ftpd://h:x/a", fails: `"h:x" is no server address`},
		{in: "ftpd://h/%zz", fails: `ftpd://h/%zz: invalid URL escape "%zz"`},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			got, err := parseTarget(tt.in)
			if diff := cmp.Diff(tt.fails, text(err)); diff != "" {
				t.Fatal(diff)
			}
			if want := (target{tt.in, tt.address, tt.path, tt.pattern}); err == nil && got != want {
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
	tests := []struct{ in, want, fails string }{
		{in: "h", want: "h:2120"},
		{in: "h:1", want: "h:1"},
		{in: "::1", want: "[::1]:2120"},
		{in: "fe80::1%eth0", want: "[fe80::1%eth0]:2120"},
		{in: "[::1]", want: "[::1]:2120"},
		{in: "[::1]:5", want: "[::1]:5"},
		{in: "ftpd://h:7", want: "h:7"},
		{in: "ftpd://ann@h/", want: "h:2120"},
		{in: "ftpd://h/a", fails: "ftpd://h/a names a path, not only a server"},
		{in: "", fails: `"" is no server address`},
		{in: ":1", fails: `":1" is no server address`},
		{in: "h:65536", fails: `"h:65536" is no server address`},
		{in: "h:1:2", fails: `"h:1:2" is no server address`},
		{in: "http://h", fails: "http:// is not supported"},
	}
	for _, tt := range tests {
		got, err := parseServer(tt.in)
		if text(err) != tt.fails || err == nil && got != tt.want {
			t.Errorf("parseServer(%q) = %q, %v, want %q, %s", tt.in, got, err, tt.want, tt.fails)
		}
	}
}

func TestRefuseForeign(t *testing.T) {
	tests := map[string]string{
		"ftp://h/a":     "ftp:// is not supported",
		"SFTP://h":      "SFTP:// is not supported",
		"ftpds://h/a":   "ftpds:// is not supported",
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
	const fallback = "127.0.0.1:2120"
	type arguments = []string
	tests := []struct {
		name      string
		arguments arguments
		asked     string
		address   string
		paths     []string
		fails     string
	}{
		{name: "nothing", address: fallback},
		{name: "path", arguments: arguments{"a"}, address: fallback, paths: []string{"a"}},
		{name: "flag", arguments: arguments{"a"}, asked: "h:1", address: "h:1", paths: []string{"a"}},
		{name: "URL", arguments: arguments{"ftpd://h:1/a"}, address: "h:1", paths: []string{"a"}},
		{
			name:      "URLs",
			arguments: arguments{"ftpd://h:1/a", "ftpd://h:1/b"}, address: "h:1", paths: []string{"a", "b"},
		},
		{
			name:      "flag and URL agree",
			arguments: arguments{"a", "ftpd://h:1/b"}, asked: "h:1", address: "h:1", paths: []string{"a", "b"},
		},
		{
			name:      "URL of the default",
			arguments: arguments{"a", "ftpd://127.0.0.1/b"}, address: fallback, paths: []string{"a", "b"},
		},
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
			address, targets, err := resolve(tt.arguments, tt.asked, fallback)
			if text(err) != tt.fails {
				t.Fatalf("error %v, want %q", err, tt.fails)
			}
			if err != nil {
				return
			}
			if diff := cmp.Diff(tt.paths, pathsOf(targets)); diff != "" || address != tt.address {
				t.Errorf("address %s\n%s", address, diff)
			}
		})
	}
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
