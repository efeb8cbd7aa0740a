//go:build linux

package process

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of times in /proc/PID/stat: USER_HZ is 100 on every
// architecture that Go runs on (proc_pid_stat(5)).
const tick = 10 * time.Millisecond

// stat is a part of /proc/PID/stat.
type stat struct {
	pid, parent int
	zombie      bool
	ticks       int64 // user and system, with the children it waited for
	started     int64 // tells a process from a later one with its number
}

// parseStat reads one line. The name, in parentheses, may hold anything.
func parseStat(line string) (s stat, err error) {
	open, end := strings.IndexByte(line, '('), strings.LastIndexByte(line, ')')
	if open < 1 || end < open {
		return s, errors.New("no name in parentheses")
	}
	if s.pid, err = strconv.Atoi(strings.TrimSpace(line[:open])); err != nil {
		return s, fmt.Errorf("stat: %w", err)
	}
	fields := strings.Fields(line[end+1:]) // from the third of the manual on
	if len(fields) < 20 {
		return s, fmt.Errorf("stat has %d fields behind the name", len(fields))
	}
	number := func(ofManual int) int64 {
		n, parseErr := strconv.ParseInt(fields[ofManual-3], 10, 64)
		err = errors.Join(err, parseErr)
		return n
	}
	s.zombie = fields[0] == "Z" || fields[0] == "X"
	s.parent = int(number(4))
	for _, field := range []int{14, 15, 16, 17} { // utime, stime, cutime, cstime
		s.ticks += number(field)
	}
	s.started = number(22)
	return s, err
}

// tree returns the processes that descend from root, and root first, as far as
// they exist. The processes are read one after another: one that ends meanwhile
// may be counted twice or not at all, unless it has settled (Daemon.Settle).
func tree(root int) ([]stat, error) {
	paths, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	children := make(map[int][]stat)
	var found []stat
	for _, path := range paths {
		line, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended meanwhile
		}
		s, err := parseStat(string(line))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if s.pid == root {
			found = append(found, s)
		}
		children[s.parent] = append(children[s.parent], s)
	}
	for i := 0; i < len(found); i++ {
		found = append(found, children[found[i].pid]...)
	}
	return found, nil
}
