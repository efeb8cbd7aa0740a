//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"ftpd/bench/machine"
	"ftpd/bench/peers/process"
	"ftpd/bench/peers/tools"
	"ftpd/internal/trial"
)

// The trees, below the directory of the work, which the servers serve.
const (
	sourceDir  = "source"
	replicaDir = "replica"
)

// The ways to compare them, as the user of a client sees it.
const (
	up   = "local to remote"
	down = "remote to local"
)

// row is what is measured more than once.
type row struct{ way, tool string }

// measurement is what was measured so far.
type measurement struct {
	bin, work string
	files     int
	notes     *log.Logger
	before    string // load of the machine
	rows      []row
	usage     map[row][]process.Usage
}

// make makes the source: 100 files of 1 KiB in each directory.
func (m *measurement) make() error {
	for i := range m.files {
		dir := filepath.Join(m.work, sourceDir, fmt.Sprintf("%04d", i/100))
		if i%100 == 0 {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return err
			}
		}
		if err := trial.WriteFile(filepath.Join(dir, fmt.Sprintf("%06d.dat", i)), 1<<10, uint64(i)); err != nil {
			return err
		}
	}
	return os.MkdirAll(filepath.Join(m.work, "scratch"), 0o700)
}

// all starts both servers, makes the replica and takes the samples.
func (m *measurement) all(ctx context.Context, find *tools.Finder, runs int) (err error) {
	commands := make(map[row]process.Command)
	var sessions []*tools.Session
	defer func() {
		for _, s := range sessions {
			err = errors.Join(err, s.Stop())
		}
	}()
	for _, tool := range tools.All(m.bin, find) {
		if tool.Name != tools.ProductQuick && tool.Name != tools.Rsync {
			continue
		}
		s, err := tool.Start(ctx, tools.Place{Root: m.work, Scratch: filepath.Join(m.work, "scratch")})
		if err != nil {
			return fmt.Errorf("%s: %w", tool.Name, err)
		}
		sessions = append(sessions, s)
		if tool.Name == tools.ProductQuick {
			m.mirrors(commands, s.Address)
		} else if err := m.rsyncs(commands, s); err != nil {
			return err
		}
	}
	return m.rounds(ctx, commands, runs)
}

// rounds takes the samples. The first run of all makes the replica, and each row has one
// that is not counted.
func (m *measurement) rounds(ctx context.Context, commands map[row]process.Command, runs int) error {
	m.rows = []row{{up, "ftpc mirror"}, {up, "rsync -a"}, {down, "ftpc mirror"}, {down, "rsync -a"}}
	m.usage = make(map[row][]process.Usage)
	for _, r := range m.rows {
		if _, err := process.Run(ctx, commands[r]); err != nil {
			return err
		}
	}
	if err := m.idle(); err != nil {
		return err
	}
	for round := range runs {
		m.notes.Printf("round %d of %d", round+1, runs)
		for i := range m.rows {
			r := m.rows[(i+round)%len(m.rows)]
			used, err := process.Run(ctx, commands[r])
			if err != nil {
				return err
			}
			m.usage[r] = append(m.usage[r], used)
		}
	}
	return m.idle()
}

func (m *measurement) mirrors(commands map[row]process.Command, address string) {
	source, replica := filepath.Join(m.work, sourceDir), "ftpd://"+address+"/"+replicaDir
	ftpc := []string{filepath.Join(m.bin, "ftpc"), "mirror", "-q"}
	commands[row{up, "ftpc mirror"}] = process.Command{Line: slices.Concat(ftpc, []string{source, replica})}
	commands[row{down, "ftpc mirror"}] = process.Command{Line: slices.Concat(ftpc, []string{replica, source})}
}

func (m *measurement) rsyncs(commands map[row]process.Command, s *tools.Session) (err error) {
	client, copied := s.Client(s.Address), tools.Copy{Local: filepath.Join(m.work, sourceDir), Remote: replicaDir, Tree: true}
	if commands[row{up, "rsync -a"}], err = client.Put(copied); err != nil {
		return err
	}
	commands[row{down, "rsync -a"}], err = client.Get(copied)
	return err
}

// idle makes sure that there is nothing to do: the trees are the same in all that
// either tool looks at.
func (m *measurement) idle() error {
	_, err := trial.Compare(filepath.Join(m.work, sourceDir), filepath.Join(m.work, replicaDir), trial.Mode|trial.Mtime)
	return err
}

// table writes what was measured.
func (m *measurement) table(version string) string {
	var out strings.Builder
	out.WriteString("# A mirror that has nothing to do\n\n")
	fmt.Fprintf(&out, "- %s\n- %d files of 1 KiB in %s; load average before: %s\n", machine.Describe(), m.files, machine.FileSystem(m.work), m.before)
	if version != "" {
		fmt.Fprintf(&out, "- rsync %s, against its daemon\n", version)
	}
	out.WriteString("\n| way | client | runs | median s | min–max s | processor s of the client | × rsync |\n|---|---|---:|---:|---:|---:|---:|\n")
	for _, r := range m.rows {
		walls := sorted(m.usage[r], func(u process.Usage) time.Duration { return u.Wall })
		busy := sorted(m.usage[r], func(u process.Usage) time.Duration { return u.CPU })
		rsync := sorted(m.usage[row{r.way, "rsync -a"}], func(u process.Usage) time.Duration { return u.Wall })
		fmt.Fprintf(&out, "| %s | %s | %d | %.3f | %.3f–%.3f | %.3f | %.2f |\n", r.way, r.tool, len(walls), median(walls),
			walls[0], walls[len(walls)-1], median(busy), median(walls)/median(rsync))
	}
	return out.String()
}

// sorted returns a figure of every run, in seconds.
func sorted(all []process.Usage, figure func(process.Usage) time.Duration) []float64 {
	var seconds []float64
	for _, u := range all {
		seconds = append(seconds, figure(u).Seconds())
	}
	slices.Sort(seconds)
	return seconds
}

func median(sorted []float64) float64 {
	half := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[half]
	}
	return (sorted[half-1] + sorted[half]) / 2
}

// load returns the load averages, as far as the kernel tells.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	fields := strings.Fields(string(text))
	if err != nil || len(fields) < 3 {
		return "unknown"
	}
	return strings.Join(fields[:3], " ")
}
