//go:build unix

package server

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"ftpd/protocol"
)

// TestLogOfHostileText has clients whose name and paths try to write lines of their
// own into the log, or to command the terminal that shows it: each entry is one line
// of its format, without a control character.
func TestLogOfHostileText(t *testing.T) {
	evil := []string{
		"a\nlevel=INFO msg=forged", "b\r\nforged=1", "c\x1b]0;title\x07\x1b[2J", "d\" forged=\"1", "e\x00f", "g\u202egnp", "h\xff\xfe", "i\u2028j", `{"msg":"forged"}`, "k\u0085l",
	}
	for format, check := range map[string]func(t *testing.T, line string){"text": textLine, "json": jsonLine} {
		t.Run(format, func(t *testing.T) {
			d := run(t, t.TempDir(), "--log-format", format, "--log-level", "debug", "--durability", "none")
			for _, text := range evil {
				w := dialWire(t, d.address)
				w.send(protocol.Append(nil, 0, protocol.Hello{InFlight: 9, Agent: text}))
				if f, err := w.next(); err != nil || f.Opcode != protocol.OpWelcome {
					t.Fatalf("HELLO was answered with %s, %v", f.Opcode, err)
				}
				for _, frames := range pathOpcodes {
					w.ask(frames(text))
				}
				w.send(protocol.Append(nil, 0, protocol.Bye{}))
				if _, err := w.rest(); err != nil {
					t.Errorf("%q: %v", text, err)
				}
				_ = w.conn.Close()
			}
			eventually(t, "a line of each connection's end", func() bool {
				return strings.Count(d.log.String(), "connection closed") >= len(evil)
			})
			lines := 0
			for line := range strings.Lines(d.log.String()) {
				lines++
				check(t, strings.TrimSuffix(line, "\n"))
			}
			if least := len(evil) * (len(pathOpcodes) + 1); lines < least {
				t.Errorf("the log has %d lines, not %d at least", lines, least)
			}
		})
	}
}

// TestLogOfHostileUsers is the same for the names of users, of which the protocol itself
// takes none with a control character.
func TestLogOfHostileUsers(t *testing.T) {
	dir := t.TempDir()
	users, secret := filepath.Join(dir, "users"), filepath.Join(dir, "secret")
	mustDo(t, os.WriteFile(secret, []byte("correct horse\n"), 0o600))
	out, err := exec.Command(ftpd, "user", "--users", users, "add", "somebody", "--password-file", secret).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	evil := []string{"g\u202egnp", `d" forged="1`, "i\u2028j", `{"msg":"forged"}`, "forged=1 msg=forged", `\" msg=forged`}
	for format, check := range map[string]func(t *testing.T, line string){"text": textLine, "json": jsonLine} {
		t.Run(format, func(t *testing.T) {
			d := run(t, t.TempDir(), "--log-format", format, "--log-level", "debug", "--users", users, "--login-failures", "0")
			for _, user := range evil {
				w := openWire(t, d.address)
				w.send(protocol.Append(nil, 1, protocol.Authenticate{Method: protocol.Password, User: user, Credential: []byte("x")}))
			}
			eventually(t, "a line of each login", func() bool { return strings.Count(d.log.String(), "login failed") >= len(evil) })
			for line := range strings.Lines(d.log.String()) {
				check(t, strings.TrimSuffix(line, "\n"))
			}
			w := openWire(t, d.address)
			w.send(protocol.Append(nil, 1, protocol.Authenticate{Method: protocol.Password, User: "a\nb", Credential: []byte("x")}))
			if heard, err := w.rest(); err != nil || !strings.Contains(string(heard), "names no user") {
				t.Errorf("a name with a line end was answered with %q, %v", heard, err)
			}
		})
	}
}

// pair is one key and value of a line of text.
var pair = regexp.MustCompile(`^[a-zA-Z_.]+=("(\\.|[^"\\])*"|[^" =]*)( |$)`)

func textLine(t *testing.T, line string) {
	t.Helper()
	visibleLine(t, line)
	for rest := line; rest != ""; {
		m := pair.FindString(rest)
		if m == "" {
			t.Fatalf("%q is no line of pairs: %q", line, rest)
		}
		if key, value, _ := strings.Cut(m, "="); key == "forged" || key == "msg" && strings.HasPrefix(value, "forged") {
			t.Fatalf("%q was forged", line)
		}
		rest = rest[len(m):]
	}
}

func jsonLine(t *testing.T, line string) {
	t.Helper()
	visibleLine(t, line)
	var entry map[string]any
	if err := json.Unmarshal([]byte(line), &entry); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	if entry["msg"] == "forged" || entry["forged"] != nil {
		t.Fatalf("%q was forged", line)
	}
}

// visibleLine checks that a terminal shows all of a line, and obeys nothing in it.
func visibleLine(t *testing.T, line string) {
	t.Helper()
	if i := strings.IndexFunc(line, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }); i >= 0 {
		t.Errorf("%q has %q at %d", line, line[i:min(len(line), i+4)], i)
	}
}
