//go:build linux

package tools

import (
	"context"
	"crypto/tls"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ftpd/bench/peers/apt"
	"ftpd/bench/peers/process"
)

// testPlace is an empty one, with a source.
func testPlace(t *testing.T) Place {
	t.Helper()
	p := Place{Root: t.TempDir(), Scratch: t.TempDir()}
	for _, name := range []string{"source/tree/a/one", "source/tree/two", "source/image"} {
		path := filepath.Join(p.Root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// fakes makes programs of these names the only ones that are found in PATH.
func fakes(t *testing.T, scripts map[string]string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, script := range scripts {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir)
	return dir
}

func words(t *testing.T, c process.Command, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(c.Line, " ")
}

func TestCommandLines(t *testing.T) {
	p := testPlace(t)
	dir := fakes(t, map[string]string{"cp": "", "curl": "", "lftp": ""})
	find := NewFinder(apt.New(t.TempDir(), t.Logf))
	ftp, err := ftpClients(t.Context(), find, p, login{user: "bench:bench@"})
	if err != nil {
		t.Fatal(err)
	}
	ftps, err := ftpClients(t.Context(), find, p, login{secure: true})
	if err != nil {
		t.Fatal(err)
	}
	cp, err := copier().Start(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	const address = "127.0.0.1:99"
	scp := program{path: "scp"}
	for name, tt := range map[string]struct {
		client                         Client
		putFile, getFile, putTree, get string
	}{
		"cp": {
			cp.Client(""),
			dir + "/cp /l/image " + p.Root + "/t/image", dir + "/cp " + p.Root + "/t/image /l/image",
			dir + "/cp -r /l/image", dir + "/cp -r " + p.Root + "/t/image",
		},
		"rsync": {
			rsyncClient(program{path: "rsync"}, address, []string{"--fsync"}),
			"rsync -a --fsync /l/image rsync://127.0.0.1:99/all/t/image", "rsync -a --fsync rsync://127.0.0.1:99/all/t/image /l/image",
			"rsync -a --fsync /l/image/ rsync://127.0.0.1:99/all/t/image/", "rsync -a --fsync rsync://127.0.0.1:99/all/t/image/ /l/image/",
		},
		"ftp": {
			ftp(address),
			"/curl -sS -f -T /l/image ftp://bench:bench@127.0.0.1:99/t/image", "/curl -sS -f -o /l/image ftp://bench:bench@127.0.0.1:99/t/image",
			`mirror -R -P10 "/l/image" "t/image"`, `mirror -P10 "t/image" "/l/image"`,
		},
		"ftp, TLS": {
			ftps(address),
			"/curl -sS -f --ssl-reqd -k -T /l/image ftp://127.0.0.1:99/t/image", "/curl -sS -f --ssl-reqd -k -o /l/image ftp://127.0.0.1:99/t/image", "", "",
		},
		"scp": {
			scpClient(scp, program{path: "ssh"}, p, address),
			" /l/image 127.0.0.1:" + p.Root + "/t/image", " 127.0.0.1:" + p.Root + "/t/image /l/image",
			" -r /l/image 127.0.0.1:" + p.Root + "/t/image", " -r 127.0.0.1:" + p.Root + "/t/image /l/image",
		},
	} {
		for _, c := range []struct {
			do   func(Copy) (process.Command, error)
			tree bool
			want string
		}{{tt.client.Put, false, tt.putFile}, {tt.client.Get, false, tt.getFile}, {tt.client.Put, true, tt.putTree}, {tt.client.Get, true, tt.get}} {
			line, err := c.do(Copy{Local: "/l/image", Remote: "t/image", Tree: c.tree})
			if got := words(t, line, err); !strings.Contains(got, c.want) {
				t.Errorf("%s: %q, want %q", name, got, c.want)
			}
		}
	}
}

func TestListOfCurl(t *testing.T) {
	p := testPlace(t)
	client := httpClient(program{path: "curl"}, p, "http://h/", true)
	for _, tt := range []struct {
		do   func(Copy) (process.Command, error)
		copy Copy
		want string
	}{
		{client.Get, Copy{Local: "/to", Remote: "source/tree", Tree: true},
			"url = \"http://h/source/tree/a/one\"\noutput = \"/to/a/one\"\nurl = \"http://h/source/tree/two\"\noutput = \"/to/two\"\n"},
		{client.Put, Copy{Local: p.Root + "/source/tree", Remote: "t", Tree: true},
			"upload-file = \"ROOT/source/tree/a/one\"\nurl = \"http://h/t/a/one\"\nupload-file = \"ROOT/source/tree/two\"\nurl = \"http://h/t/two\"\n"},
	} {
		line, err := tt.do(tt.copy)
		if got := words(t, line, err); !strings.Contains(got, "--parallel --parallel-max 10 --create-dirs -K "+p.Scratch) {
			t.Errorf("%q", got)
		}
		list, err := os.ReadFile(filepath.Join(p.Scratch, "list"))
		if want := strings.ReplaceAll(tt.want, "ROOT", p.Root); err != nil || string(list) != want {
			t.Errorf("%v\n%swant\n%s", err, list, want)
		}
	}
	if _, err := httpClient(program{}, p, "", false).Put(Copy{}); err != ErrUnsupported {
		t.Errorf("error %v", err)
	}
}

func TestNginxWithAndWithoutPut(t *testing.T) {
	p := testPlace(t)
	dir := fakes(t, map[string]string{"with": "echo --with-http_dav_module >&2", "without": "echo --with-threads >&2", "broken": "exit 3"})
	for name, want := range map[string]bool{"with": true, "without": false} {
		puts, err := takesFiles(t.Context(), program{path: filepath.Join(dir, name)})
		if err != nil || puts != want {
			t.Errorf("%s: %v, %v", name, puts, err)
		}
		if got := strings.Contains(nginxConfig(p, "h:1", "", puts), "dav_methods PUT"); got != want {
			t.Errorf("%s: configured %v", name, got)
		}
	}
	if _, err := takesFiles(t.Context(), program{path: filepath.Join(dir, "broken")}); err == nil {
		t.Error("no error")
	}
}

func TestNginxInsideTLS(t *testing.T) {
	p := testPlace(t)
	settings, err := nginxTLS(p)
	if err != nil {
		t.Fatal(err)
	}
	text := nginxConfig(p, "h:1", settings, true)
	for _, line := range []string{"listen h:1 ssl;", "ssl_protocols TLSv1.3;", "ssl_certificate " + p.Scratch + "/certificate.pem;", "ssl_certificate_key " + p.Scratch + "/key.pem;"} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("no line %q in\n%s", line, text)
		}
	}
	if _, err := tls.LoadX509KeyPair(p.Scratch+"/certificate.pem", p.Scratch+"/key.pem"); err != nil {
		t.Error(err)
	}
	if text := nginxConfig(p, "h:1", "", true); strings.Contains(text, "ssl") {
		t.Errorf("TLS in\n%s", text)
	}
}

func TestRsyncThatIsTooOld(t *testing.T) {
	dir := fakes(t, map[string]string{"rsync": "echo '--archive'"})
	find := NewFinder(apt.New(t.TempDir(), t.Logf))
	_, err := rsync(Rsync, find, "--fsync").Start(t.Context(), testPlace(t))
	if err == nil || !strings.Contains(err.Error(), filepath.Join(dir, "rsync")+" does not know --fsync") {
		t.Errorf("error %v", err)
	}
}

func TestFinder(t *testing.T) {
	// The fakes need what a shell finds, but nobody finds a package's program there.
	system := os.Getenv("PATH")
	dir := fakes(t, map[string]string{
		"here": "",
		"apt-get": `PATH=` + system + `; echo x >> "$(dirname "$0")/calls"
case "$*" in *gone) echo E: none >&2; exit 1 ;; esac
for a; do case $a in Dir::Cache=*) : > "${a#Dir::Cache=}/archives/p_1_all.deb" ;; esac; done`,
		"dpkg": `PATH=` + system + `; mkdir -p "$3/usr/sbin" "$3/usr/lib/x86_64-linux-gnu" && : > "$3/usr/sbin/there-it-is"`,
	})
	cache := t.TempDir()
	find := NewFinder(apt.New(cache, t.Logf))
	found, err := find.program(t.Context(), "here", "usr/bin/here")
	if err != nil || found.path != filepath.Join(dir, "here") || found.env != nil {
		t.Errorf("%+v, %v", found, err)
	}
	found, err = find.program(t.Context(), "p", "usr/sbin/there-it-is")
	root := filepath.Join(cache, "p", "root")
	want := program{path: root + "/usr/sbin/there-it-is", root: root, env: []string{"LD_LIBRARY_PATH=" + root + "/usr/lib/x86_64-linux-gnu"}}
	if err != nil || found.path != want.path || found.root != want.root || !slices.Equal(found.env, want.env) {
		t.Errorf("%+v, %v, want %+v", found, err, want)
	}
	for range 3 {
		if _, err := find.program(t.Context(), "gone", "usr/sbin/gone"); err == nil || !strings.Contains(err.Error(), "package gone: ") {
			t.Errorf("error %v", err)
		}
	}
	calls, err := os.ReadFile(filepath.Join(dir, "calls"))
	// One for p; for gone one, an update, and one more.
	if n := strings.Count(string(calls), "x"); err != nil || n != 4 {
		t.Errorf("%d calls, %v", n, err)
	}
}

func TestNoPythonHasIt(t *testing.T) {
	fakes(t, map[string]string{"python3": "exit 1", "apt-get": "echo E: none >&2; exit 1"})
	find := NewFinder(apt.New(t.TempDir(), t.Logf))
	python := program{path: "/usr/bin/python3"}
	if python.imports(t.Context()) {
		t.Skip("this system has pyftpdlib, so that it cannot be missed")
	}
	for range 2 {
		if _, err := pyftpdlib(find).Start(t.Context(), testPlace(t)); err == nil || !strings.Contains(err.Error(), "E: none") {
			t.Errorf("error %v", err)
		}
	}
}

func TestEachToolSaysWhatItLacks(t *testing.T) {
	fakes(t, map[string]string{"apt-get": "echo E: no network >&2; exit 1"})
	find := NewFinder(apt.New(t.TempDir(), t.Logf))
	for _, tool := range All(t.TempDir(), find) {
		s, err := tool.Start(t.Context(), testPlace(t))
		switch {
		case err == nil: // it is installed
			if err := s.Stop(); err != nil {
				t.Errorf("%s: %v", tool.Name, err)
			}
		case err.Error() == "":
			t.Errorf("%s gives no reason", tool.Name)
		}
	}
}

func TestRsync(t *testing.T) {
	if _, err := exec.LookPath("rsync"); err != nil {
		t.Skip("rsync is not installed")
	}
	p := testPlace(t)
	s, err := rsync(Rsync, NewFinder(apt.New(t.TempDir(), t.Logf))).Start(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	}()
	to := filepath.Join(t.TempDir(), "copy")
	line, err := s.Client(s.Address).Get(Copy{Local: to, Remote: "source/tree", Tree: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := process.Run(t.Context(), line); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(to, "a", "one")); err != nil || string(text) != "source/tree/a/one" {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := s.CPU(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestNoServer(t *testing.T) {
	var s Session
	if cpu, err := s.CPU(context.Background()); cpu != 0 || err != nil || s.Stop() != nil {
		t.Errorf("%v, %v", cpu, err)
	}
}
