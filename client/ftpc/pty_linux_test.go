package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

const columns = 100

// terminal is a pseudo-terminal and what was written to it.
type terminal struct {
	t       *testing.T
	file    *os.File // what a program gets as its terminal
	master  *os.File
	mu      sync.Mutex
	written strings.Builder
	columns int
	more    chan struct{} // told after each write
	drained chan struct{} // closed when all ends of file are closed
}

// openTerminal makes a pseudo-terminal (pty(7), ioctl_tty(2)).
func openTerminal(t *testing.T) *terminal {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Skipf("no pseudo-terminal: %v", err)
	}
	check(t, unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0))
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	check(t, err)
	check(t, unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: columns}))
	file, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	check(t, err)
	term := &terminal{
		t: t, file: file, master: os.NewFile(uintptr(fd), "ptmx"), columns: columns,
		more: make(chan struct{}, 1), drained: make(chan struct{}),
	}
	go term.read()
	t.Cleanup(func() { _ = term.master.Close() })
	return term
}

func (term *terminal) resize(width int) {
	term.t.Helper()
	term.columns = width
	check(term.t, unix.IoctlSetWinsize(int(term.file.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: uint16(width)}))
}

func (term *terminal) read() {
	defer close(term.drained)
	buffer := make([]byte, 4096)
	for {
		n, err := term.master.Read(buffer)
		term.mu.Lock()
		term.written.Write(buffer[:n])
		term.mu.Unlock()
		select {
		case term.more <- struct{}{}:
		default:
		}
		if err != nil {
			return // EIO: no program has the terminal open any more
		}
	}
}

func (term *terminal) text() string {
	term.mu.Lock()
	defer term.mu.Unlock()
	return term.written.String()
}

// waitFor returns when the screen has shown a pattern.
func (term *terminal) waitFor(pattern string) {
	term.t.Helper()
	deadline := time.After(10 * time.Second)
	for !regexp.MustCompile(pattern).MatchString(term.text()) {
		select {
		case <-term.more:
		case <-deadline:
			term.t.Fatalf("%s never appeared in %q", pattern, term.text())
		}
	}
}

// screen returns the lines that are to be seen in the end. It knows the
// control sequences a bar may use and fails on any other, and on a line that
// is wider than the terminal, which would be broken in two.
func (term *terminal) screen() []string {
	term.t.Helper()
	check(term.t, term.file.Close())
	<-term.drained
	var lines []string
	line, column := []rune{}, 0
	text := term.text()
	for text != "" {
		sequence := regexp.MustCompile(`^\x1b\[[0-9;]*[A-Za-z]`).FindString(text)
		r, size := utf8.DecodeRuneInString(text)
		switch {
		case sequence == "\x1b[2K":
			line = []rune{}
			size = len(sequence)
		case sequence == "\x1b[0K":
			line = line[:min(column, len(line))]
			size = len(sequence)
		case r == '\r':
			column = 0
		case r == '\n':
			lines = append(lines, strings.TrimRight(string(line), " "))
			line = []rune{}
		case r < ' ':
			term.t.Fatalf("control sequence at %.20q", text)
		default:
			for len(line) <= column {
				line = append(line, ' ')
			}
			line[column] = r
			column++
		}
		if len(line) > term.columns {
			term.t.Fatalf("the line %q is wider than the terminal", string(line))
		}
		text = text[size:]
	}
	if rest := strings.TrimRight(string(line), " "); rest != "" {
		lines = append(lines, rest)
	}
	return lines
}

// command is ftpc on the terminal, in a directory of its own.
func (term *terminal) command(address string, args ...string) *exec.Cmd {
	term.t.Helper()
	cmd := exec.Command("ftpc", args...)
	cmd.Env = append(os.Environ(), "FTPC_SERVER="+address, "TERM=xterm")
	cmd.Dir = term.t.TempDir()
	cmd.Stdout, cmd.Stderr = term.file, term.file
	term.t.Cleanup(func() {
		if cmd.ProcessState == nil && cmd.Process != nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
	return cmd
}

func wantScreen(t *testing.T, got []string, patterns ...string) {
	t.Helper()
	if len(got) != len(patterns) {
		t.Fatalf("the screen shows %q", got)
	}
	for i, pattern := range patterns {
		if !regexp.MustCompile(pattern).MatchString(got[i]) {
			t.Errorf("line %d is %q, not %s", i, got[i], pattern)
		}
	}
}

// A job that goes well leaves one full bar.
func TestBarEndsFull(t *testing.T) {
	root, address := serveTemp(t)
	check(t, os.WriteFile(filepath.Join(root, "big"), make([]byte, 3<<20), 0o666))
	check(t, os.MkdirAll(filepath.Join(root, "tree/sub"), 0o777))
	for _, name := range []string{"tree/a", "tree/b", "tree/sub/c"} {
		check(t, os.WriteFile(filepath.Join(root, name), make([]byte, 1<<20), 0o666))
	}
	check(t, os.WriteFile(filepath.Join(root, "empty"), nil, 0o666))
	tests := []struct {
		args []string
		want string
	}{
		{[]string{"get", "big"}, `^ 100% \|█+\| \(3\.0/3\.0 MiB, \d+(\.\d)? [KMG]iB/s\)$`},
		{[]string{"get", "-r", "tree"}, `^3/3 files  100% \|█+\| \(3\.0/3\.0 MiB, \d+(\.\d)? [KMG]iB/s\)$`},
		{[]string{"get", "empty"}, `^ 100% \|█+\|$`},
	}
	for _, tt := range tests {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			term := openTerminal(t)
			check(t, term.command(address, tt.args...).Run())
			wantScreen(t, term.screen(), tt.want)
		})
	}
}

// While a job of known size runs, the bar shows how far it is, at what rate,
// and how long it will take.
func TestBarWhileRunning(t *testing.T) {
	root, address := serveTemp(t)
	check(t, os.WriteFile(filepath.Join(root, "big"), make([]byte, 4<<20), 0o666))
	address, _, release := stallAfter(t, address, 2<<20)
	term := openTerminal(t)
	cmd := term.command(address, "get", "big")
	check(t, cmd.Start())
	term.waitFor(`4\d% \|█+ +\| \(1\.\d/4\.0 MiB, .*/s\) \[\d+s:\d+`)
	release()
	check(t, cmd.Wait())
	wantScreen(t, term.screen(), `100% \|█+\| \(4\.0/4\.0 MiB, .*/s\)$`)
}

// In every width the line has what there is room for, and is never wider.
func TestBarInNarrowTerminals(t *testing.T) {
	root, address := serveTemp(t)
	check(t, os.Mkdir(filepath.Join(root, "tree"), 0o777))
	for _, name := range []string{"a", "b", "c"} {
		check(t, os.WriteFile(filepath.Join(root, "tree", name), make([]byte, 1<<20), 0o666))
	}
	for width, want := range map[int]string{
		20: `^100% \d+(\.\d)? [KMG]iB/s$`,
		34: `^ 100% \|█{6,}\| \(\d+(\.\d)? [KMG]iB/s\)$`,
		40: `^3/3 files  100% \|█{4,}\| \(\d+(\.\d)? [KMG]iB/s\)$`,
		60: `^3/3 files  100% \|█{10,}\| \(3\.0/3\.0 MiB, \d+(\.\d)? [KMG]iB/s\)$`,
	} {
		term := openTerminal(t)
		term.resize(width)
		check(t, term.command(address, "get", "-r", "tree").Run())
		wantScreen(t, term.screen(), want)
	}
}

// A terminal that is made narrower or wider during a transfer gets the line
// that it has room for.
func TestBarFollowsTheWidth(t *testing.T) {
	begun := counts{files: 3, filesDone: 1, bytes: 4 << 20, moved: 1 << 20}
	later := counts{files: 3, filesDone: 2, bytes: 4 << 20, moved: 2 << 20}
	for width, want := range map[int]string{
		20:  `^50% 0 B/s$`,
		50:  `^2/3 files   49% \|█+ +\| \(.*/s\)$`,
		65:  `^2/3 files   49% \|█+ +\| \(2\.0/4\.0 MiB, .*/s\)$`,
		120: `^2/3 files   49% \|█+ +\| \(2\.0/4\.0 MiB, .*/s\) \[\d+s:\d+s\]$`,
	} {
		for _, before := range []int{20, 50, 65, 120} {
			if before == width {
				continue
			}
			term := openTerminal(t)
			term.resize(before)
			r := newRedrawn(newConsole(term.file, term.file), counts{})
			r.update(begun)
			term.resize(width)
			term.columns = max(before, width) // what was drawn before is in the way of no line
			r.update(later)
			lines := term.screen()
			wantScreen(t, lines, want)
			if drawn := utf8.RuneCountInString(lines[0]); drawn > width {
				t.Errorf("%d columns are drawn to a terminal of %d", drawn, width)
			}
		}
	}
}

// Nothing is drawn before it is known what there is to do.
func TestBarWaitsForTheTotal(t *testing.T) {
	term := openTerminal(t)
	r := newRedrawn(newConsole(term.file, term.file), counts{})
	r.update(counts{files: 1})
	r.update(counts{files: 1, bytes: 4 << 20, moved: 2 << 20})
	term.screen()
	if !strings.Contains(term.text(), "4.0 MiB") || strings.Contains(term.text(), "1 B") {
		t.Errorf("%q", term.text())
	}
}

// While nothing moves nobody can say how long the rest will take.
func TestBarAtRest(t *testing.T) {
	moving := counts{files: 1, bytes: 4 << 20, moved: 2 << 20, late: 2 << 20, lately: recently}
	resting := moving
	resting.late = 0
	for want, last := range map[string]counts{
		`\(2\.0/4\.0 MiB, .*/s\) \[\d+s:\d+s\]$`: moving,
		`\(2\.0/4\.0 MiB, .*/s\)$`:               resting,
	} {
		term := openTerminal(t)
		term.resize(100)
		r := newRedrawn(newConsole(term.file, term.file), counts{})
		r.update(moving)
		r.update(last)
		wantScreen(t, term.screen(), want)
	}
}

// Of standard input nobody knows the size: what went so far is shown.
func TestBarOfUnknownSize(t *testing.T) {
	_, address := serveTemp(t)
	term := openTerminal(t)
	cmd := term.command(address, "put", "-", "stored")
	stdin, err := cmd.StdinPipe()
	check(t, err)
	check(t, cmd.Start())
	_, err = stdin.Write(make([]byte, 2<<20))
	check(t, err)
	term.waitFor(`\(1\.\d MiB, .*/s\) \[\ds\]`)
	check(t, stdin.Close())
	check(t, cmd.Wait())
	wantScreen(t, term.screen(), `100% \|█+\| \(2\.0/2\.0 MiB, .*/s\)$`)
}

// Errors stand on lines of their own; a job that failed leaves no bar.
func TestBarGivesWayToErrors(t *testing.T) {
	root, address := serveTemp(t)
	check(t, os.WriteFile(filepath.Join(root, "a"), make([]byte, 1<<20), 0o666))
	term := openTerminal(t)
	cmd := term.command(address, "get", "a", "nope", "a\x1b[2J", "-d", "out")
	if err := cmd.Run(); cmd.ProcessState.ExitCode() != int(statusSomeFailed) {
		t.Errorf("ended with %v", err)
	}
	lines := term.screen()
	if len(lines) == 3 && strings.Contains(lines[0], `\x1b`) {
		lines[0], lines[1] = lines[1], lines[0] // they are got at once
	}
	wantScreen(t, lines, `^ftpc: get nope: not found on `, `^ftpc: get a\\x1b\[2J: not found on `, `^ftpc: get: 2 of 3 failed$`)
}

// A bar that is on the screen is taken off it before the error.
func TestBarIsTakenOff(t *testing.T) {
	root, address := serveTemp(t)
	check(t, os.WriteFile(filepath.Join(root, "big"), make([]byte, 4<<20), 0o666))
	address, _, release := stallAfter(t, address, 2<<20)
	defer release()
	term := openTerminal(t)
	cmd := term.command(address, "get", "big")
	check(t, cmd.Start())
	term.waitFor(`4\d% \|█`)
	check(t, cmd.Process.Signal(os.Interrupt))
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != int(statusInterrupted) {
		t.Errorf("ended with %v", err)
	}
	wantScreen(t, term.screen(), `^ftpc: get big: interrupted$`, `^hint: run the same command again: it goes on behind .* \.big\.ftpc-part$`)
}

// Content on a terminal has it for itself.
func TestNoBarBesideContent(t *testing.T) {
	root, address := serveTemp(t)
	check(t, os.WriteFile(filepath.Join(root, "a"), []byte("content\n"), 0o666))
	term := openTerminal(t)
	check(t, term.command(address, "get", "a", "-").Run())
	wantScreen(t, term.screen(), `^content$`)
}

// Objects and bar share a terminal without mixing.
func TestBarGivesWayToOutput(t *testing.T) {
	root, address := serveTemp(t)
	check(t, os.WriteFile(filepath.Join(root, "a"), make([]byte, 1<<20), 0o666))
	term := openTerminal(t)
	check(t, term.command(address, "get", "--json", "a").Run())
	check(t, term.file.Close())
	<-term.drained
	objects := 0
	for line := range strings.SplitSeq(term.text(), "\r\n") {
		before, object, ok := strings.Cut(line, "{")
		if !ok {
			continue
		}
		objects++
		if !json.Valid([]byte("{"+object)) || before != "" && !strings.HasSuffix(before, "\r\x1b[2K") {
			t.Errorf("%q", line)
		}
	}
	if objects != 2 {
		t.Errorf("%d objects", objects)
	}
}

// So do the lines of --verbose, in which names are escaped.
func TestBarBesideVerbose(t *testing.T) {
	root, address := serveTemp(t)
	names := []string{"tree/a", "tree/b", "tree/c\x1b[2J", "tree/d"}
	check(t, os.Mkdir(filepath.Join(root, "tree"), 0o777))
	for i, name := range names { // one comes after the other, while the bar is to be seen
		check(t, os.WriteFile(filepath.Join(root, name), make([]byte, (i+1)<<19), 0o666))
	}
	check(t, os.Symlink("a", filepath.Join(root, "tree/l")))
	term := openTerminal(t)
	check(t, term.command(address, "get", "-rv", "--bwlimit", "8M", "tree", "copy").Run())
	lines := term.screen()
	if len(lines) < 5 {
		t.Fatalf("the screen shows %q", lines)
	}
	slices.Sort(lines[:5]) // they are got at once
	wantScreen(t, lines, `^tree/a -> copy/a$`, `^tree/b -> copy/b$`, `^tree/c\\x1b\[2J -> copy/c\\x1b\[2J$`, `^tree/d -> copy/d$`,
		`^tree/l skipped: symlink$`, `^4/4 files  100% \|█+\|`, `^ftpc: get: 1 symbolic link was skipped$`)
}

// Names from the server are escaped where a terminal would obey them.
func TestNamesOnATerminal(t *testing.T) {
	root, address := serveTemp(t)
	for _, name := range []string{"red\x1b[31m", "two\nlines", "caf\xe9", "größe"} {
		check(t, os.WriteFile(filepath.Join(root, name), nil, 0o666))
	}
	term := openTerminal(t)
	check(t, term.command(address, "ls").Run())
	wantScreen(t, term.screen(), `^caf\\xe9$`, `^größe$`, `^red\\x1b\[31m$`, `^two\\nlines$`)
}

// A terminal that cannot redraw a line gets no bar.
func TestNoBarOnADumbTerminal(t *testing.T) {
	root, address := serveTemp(t)
	check(t, os.WriteFile(filepath.Join(root, "a"), []byte("x"), 0o666))
	term := openTerminal(t)
	cmd := term.command(address, "get", "a")
	cmd.Env = append(cmd.Env, "TERM=dumb")
	check(t, cmd.Run())
	wantScreen(t, term.screen())
}
