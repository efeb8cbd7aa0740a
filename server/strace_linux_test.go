package server

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"ftpd/protocol"
)

// systemCall is one line of strace, or two where others came in between.
type systemCall struct {
	name    string
	paths   []string // of its descriptors
	strings []string
	flags   string // the rest of the line
	result  int64
	begin   int // when it was entered and left: numbers of lines
	end     int
}

// trace attaches strace to a server. What it saw is returned by the function, which
// detaches it.
func (d *daemon) trace(flags ...string) func() []systemCall {
	d.t.Helper()
	strace, err := exec.LookPath("strace")
	if err != nil {
		d.t.Skip("there is no strace to see the order of system calls with")
	}
	const calls = "openat,pwrite64,write,writev,sendto,sendmsg,ftruncate,fsync,fdatasync,sync,syncfs,sync_file_range," +
		"rename,renameat,renameat2,link,linkat,mkdirat"
	file := filepath.Join(d.t.TempDir(), "calls")
	flags = append([]string{"-f", "-y", "-xx", "-s", "16384", "-o", file, "-e", "trace=" + calls, "-p", strconv.Itoa(d.cmd.Process.Pid)}, flags...)
	cmd := exec.Command(strace, flags...)
	said, err := cmd.StderrPipe()
	if err != nil {
		d.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	reader := bufio.NewReader(said)
	line, err := reader.ReadString('\n')
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		_, _ = io.Copy(io.Discard, reader) // it tells of each thread that begins
	}()
	detach := sync.OnceFunc(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		<-drained
		_ = cmd.Wait() // its status is that of the signal
	})
	d.t.Cleanup(detach)
	if err != nil || !strings.Contains(line, "attached") {
		d.t.Skipf("strace cannot attach here: %s", line)
	}
	return func() []systemCall {
		d.t.Helper()
		detach()
		text, err := os.ReadFile(file)
		if err != nil {
			d.t.Fatal(err)
		}
		return systemCalls(string(text))
	}
}

var (
	straceResumed = regexp.MustCompile(`^<\.\.\. \w+ resumed>(.*)$`)
	straceName    = regexp.MustCompile(`^(\w+)\(`)
	straceHex     = regexp.MustCompile(`(["<])((?:\\x[0-9a-f]{2})+)[">]`)
	straceResult  = regexp.MustCompile(`\) += (-?\d+)`)
)

// systemCalls reads what strace wrote.
func systemCalls(text string) []systemCall {
	type begun struct {
		text string
		at   int
	}
	open := map[string]begun{}
	var list []systemCall
	at := 0
	for line := range strings.Lines(text) {
		at++
		thread, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		rest = strings.TrimLeft(rest, " ")
		first := begun{at: at}
		if m := straceResumed.FindStringSubmatch(rest); m != nil {
			first = open[thread]
			rest = first.text + m[1]
		}
		if before, unfinished := strings.CutSuffix(rest, " <unfinished ...>"); unfinished {
			open[thread] = begun{before, at}
			continue
		}
		if m := straceName.FindStringSubmatch(rest); m != nil {
			list = append(list, parseCall(m[1], rest, first.at, at))
		}
	}
	return list
}

func parseCall(name, text string, begin, end int) systemCall {
	c := systemCall{name: name, begin: begin, end: end, flags: straceHex.ReplaceAllString(text, "")}
	for _, m := range straceHex.FindAllStringSubmatch(text, -1) {
		content, _ := strconv.Unquote(`"` + m[2] + `"`) // it is nothing but hexadecimal
		if m[1] == "<" {
			c.paths = append(c.paths, content)
		} else {
			c.strings = append(c.strings, content)
		}
	}
	if m := straceResult.FindStringSubmatch(c.flags); m != nil {
		c.result, _ = strconv.ParseInt(m[1], 10, 64)
	}
	return c
}

func (c *systemCall) isSync() bool {
	switch c.name {
	case "fsync", "fdatasync", "sync", "syncfs", "sync_file_range":
		return true
	}
	return strings.Contains(c.flags, "O_SYNC") || strings.Contains(c.flags, "O_DSYNC")
}

// covers tells whether a sync made a path durable.
func (c *systemCall) covers(path string) bool {
	return c.name == "syncfs" || c.name == "fsync" && len(c.paths) == 1 && c.paths[0] == path
}

// stored returns the sizes that a call told clients of in OKs.
func (c *systemCall) stored() (sizes []uint64) {
	switch c.name {
	case "write", "writev", "sendto", "sendmsg":
	default:
		return nil
	}
	if len(c.paths) == 0 || !strings.HasPrefix(c.paths[0], "socket:") && !strings.HasPrefix(c.paths[0], "TCP:") {
		return nil
	}
	for _, sent := range c.strings {
		d := protocol.NewDecoder(protocol.Server)
		d.Attach([]byte(sent))
		d.Advance(len(sent))
		for {
			f, ok, err := d.Next()
			if !ok || err != nil {
				break
			}
			if m, err := protocol.Decode[protocol.OK](f); f.Opcode == protocol.OpOK && err == nil {
				sizes = append(sizes, m.Count)
			}
		}
	}
	return sizes
}

// commit is what a server did to store a file.
type commit struct {
	root, path string
	staging    string
	size       int64
	written    int // when the last write was over
	renameFrom int
	renameTo   int
	told       int // when OK left
}

// findCommit finds the file of a size, under a path.
func findCommit(root, path string, size int64, calls []systemCall) (commit, error) {
	c := commit{root: root, path: path}
	for _, call := range calls {
		last := len(call.strings) - 1
		if strings.HasPrefix(call.name, "rename") && last > 0 && call.strings[last] == path {
			c.staging, c.renameFrom, c.renameTo = filepath.Join(call.paths[0], call.strings[0]), call.begin, call.end
		}
		if call.name == "linkat" && last >= 0 && call.strings[last] == path && call.result == 0 { // of a file without a name
			c.staging, c.renameFrom, c.renameTo = call.paths[0], call.begin, call.end
		}
		for _, stored := range call.stored() {
			if int64(stored) == size && c.told == 0 {
				c.told = call.begin
			}
		}
	}
	for _, call := range calls {
		if call.name == "pwrite64" && call.paths[0] == c.staging {
			c.size += call.result
			c.written = max(c.written, call.end)
		}
	}
	if c.staging == "" || c.told == 0 || c.size != size {
		return c, fmt.Errorf("%s: staged in %q, %d bytes written, OK at %d", path, c.staging, c.size, c.told)
	}
	if c.written > c.renameFrom || c.renameTo > c.told {
		return c, fmt.Errorf("%s: written until %d, renamed from %d to %d, OK at %d", path, c.written, c.renameFrom, c.renameTo, c.told)
	}
	return c, nil
}

// checkSyncs tells whether the content was synced behind the last write and before the
// rename, and the directory behind that and before OK.
func (c *commit) checkSyncs(calls []systemCall) error {
	content, names := false, false
	for _, call := range calls {
		if !call.isSync() || call.name == "sync_file_range" || call.result != 0 { // which waits for nothing
			continue
		}
		content = content || call.covers(c.staging) && call.begin > c.written && call.end < c.renameFrom
		names = names || call.covers(c.root) && call.begin > c.renameTo && call.end < c.told
	}
	if !content || !names {
		return fmt.Errorf("%s: content synced in time %v, names %v", c.path, content, names)
	}
	return nil
}
