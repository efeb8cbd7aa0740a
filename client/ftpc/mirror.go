package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"ftpd/client"
	"ftpd/internal/command"
)

func mirrorCommand(out *console) *cli.Command {
	return &cli.Command{
		Name:      "mirror",
		Usage:     "make one directory the same as another",
		ArgsUsage: "[--delete] [-n] SRC DST",
		Description: "One of the two is a URL of the server; ftpd:///PATH is that of --server. Files are\n" +
			"copied that are missing in DST, or differ in size or time. A pattern without a slash\n" +
			"matches a name in any directory, one with a slash the path below SRC.",
		Flags: []cli.Flag{
			toggle("checksum", "", "compare files of the same size by their content"),
			toggle("delete", "", "remove what SRC does not have, once everything was copied"),
			&cli.Int64Flag{Name: "max-delete", Value: -1, DefaultText: "no limit", Usage: "remove nothing where it would be more than `N`"},
			toggle("force", "", "with --delete, also where SRC is empty"),
			toggle("dry-run", "n", "print what would be done, and do nothing"),
			&cli.StringSliceFlag{Name: "exclude", Usage: "leave out what matches `PATTERN`, at both ends; may be repeated"},
			&cli.StringSliceFlag{Name: "include", Usage: "but not what matches `PATTERN`; may be repeated"},
			connectionsFlag(),
			jsonFlag(),
		},
		Action: action(out, runMirror),
	}
}

// mirror is one run of the command.
type mirror struct {
	*call
	remote, local string
	filter        filter
	plan          *plan
}

func runMirror(c *call) error {
	if err := c.need(2, 2); err != nil {
		return err
	}
	m, argument, err := newMirror(c)
	if err != nil {
		return err
	}
	targets, err := c.connectTargets(argument)
	if err != nil {
		return err
	}
	m.remote = targets[0].path
	if m.plan, err = m.compare(c.Context.Context); err != nil {
		return err
	}
	if err := m.refuse(); err != nil {
		return err
	}
	if c.Bool("dry-run") {
		m.show()
		return nil
	}
	return m.run()
}

// newMirror reads the command line, and returns which argument is the server's.
func newMirror(c *call) (*mirror, string, error) {
	m := &mirror{call: c}
	from, to := c.Args().Get(0), c.Args().Get(1)
	var remote string
	switch fromURL, toURL := isURL(from), isURL(to); {
	case fromURL == toURL:
		usage := command.Usagef("one of SRC and DST is a directory of the server")
		usage.Hint = "name it by a URL: " + scheme + "HOST:PORT/PATH, or " + scheme + "/PATH for that of --server"
		return nil, "", usage
	case toURL:
		c.uploads = true
		m.local, remote = from, to
	default:
		m.local, remote = to, from
	}
	if m.local == "" {
		return nil, "", command.Usagef("the directory of this machine is empty")
	}
	if c.Bool("force") && !c.Bool("delete") {
		return nil, "", command.Usagef("--force goes with --delete")
	}
	if rest, ok := strings.CutPrefix(remote[len(scheme):], "/"); ok { // no host: a plain path
		remote = "./" + rest
	}
	var err error
	m.filter, err = newFilter(c.StringSlice("exclude"), c.StringSlice("include"))
	return m, remote, err
}

// compare lists both ends and plans what is to be done.
func (m *mirror) compare(ctx context.Context) (*plan, error) {
	var local, remote listed
	var localErr, remoteErr error
	done := make(chan struct{})
	go func() {
		defer close(done)
		local, localErr = m.listLocal()
	}()
	remote, remoteErr = m.listRemote(ctx)
	<-done
	source, target := remote, local
	if m.uploads {
		source, target = local, remote
	}
	if err := errors.Join(localErr, remoteErr); err != nil {
		if remoteErr != nil {
			return nil, failed(m.remote, remoteErr)
		}
		return nil, failed(m.local, localErr)
	}
	p := newPlan(source, target)
	if m.Bool("checksum") {
		if err := m.byContent(p); err != nil {
			return nil, err
		}
	}
	if !m.Bool("delete") {
		p.remove = nil
	}
	return p, nil
}

// refuse stops a run that would remove what nobody wants removed.
func (m *mirror) refuse() error {
	n := int64(len(m.plan.remove))
	if n == 0 {
		return nil
	}
	if m.plan.empty && !m.Bool("force") {
		return &failure{
			name: m.Args().Get(0),
			hint: "--force removes " + plural(n, "file or directory") + " all the same",
			err:  errEmptySource,
		}
	}
	if most := m.Int64("max-delete"); most >= 0 && n > most {
		return &failure{name: m.Args().Get(1), hint: "-n shows them", err: fmt.Errorf("%s would be removed, more than --max-delete %d", plural(n, "file or directory"), most)}
	}
	return nil
}

var errEmptySource = errors.New("there is nothing in it")

// show prints the plan, a line for each thing to do.
func (m *mirror) show() {
	total := client.Summary{Directories: int64(len(m.plan.makes))}
	for _, path := range m.plan.makes {
		m.line("mkdir", path)
	}
	for _, path := range m.plan.copyPaths() {
		m.line("copy", path)
		total.Files++
		total.Bytes += m.plan.copies[path].size
	}
	for _, path := range m.plan.remove {
		m.line("remove", path)
	}
	if m.Bool("json") {
		m.printSummary(total)
	}
}

func (m *mirror) line(what, path string) {
	if !m.Bool("json") {
		m.out.printf("%s %s\n", what, m.out.name(path))
		return
	}
	r := m.newRecord(joinRemote(m.remote, path))
	r.setLocal(filepath.Join(m.local, filepath.FromSlash(path)))
	r.Action = what
	m.printRecord(r)
}

// run copies, and then removes.
func (m *mirror) run() error {
	t := newTransfer(m.call)
	return t.run(func() error {
		if err := m.copyAll(t); err != nil {
			return err
		}
		if m.plan.failed > 0 {
			return &batchError{failed: m.plan.failed, total: m.plan.failed + int64(len(m.plan.copies))}
		}
		return m.removeAll()
	})
}

// copyAll makes the directories that are missing and copies what differs.
func (m *mirror) copyAll(t *transfer) error {
	options := t.options()
	options.Select = m.plan.selects
	ctx := m.Context.Context
	var summary client.Summary
	var err error
	switch {
	case len(m.plan.copies)+len(m.plan.makes) == 0:
		return nil
	case m.uploads:
		summary, err = m.client.PutTree(ctx, m.local, m.remote, options)
	default:
		if err = os.MkdirAll(m.local, 0o777); err != nil {
			return failed(m.local, &client.LocalError{Op: "mkdir", Path: m.local, Err: err})
		}
		summary, err = m.client.GetTree(ctx, m.remote, m.local, options)
	}
	t.addTree(summary)
	return failed(m.Args().Get(0), err)
}

// removeAll removes what the source does not have, each directory after what it
// holds. A directory with something that --exclude keeps stays.
func (m *mirror) removeAll() error {
	var files, directories []string
	for _, path := range m.plan.remove {
		if m.plan.target[path].kind == client.Directory {
			directories = append(directories, path)
		} else {
			files = append(files, path)
		}
	}
	if err := each(m.call, files, m.removeOne); err != nil {
		return err
	}
	return inOrder(m.call, directories, m.removeOne)
}

func (m *mirror) removeOne(ctx context.Context, path string) error {
	if m.uploads {
		remote := joinRemote(m.remote, path)
		err := m.vanish(ctx, remote, 0, func() error { return m.client.Remove(ctx, remote) })
		if errors.Is(err, client.ErrNotEmpty) {
			return nil
		}
		return failed(remote, err)
	}
	local := filepath.Join(m.local, filepath.FromSlash(path))
	err := os.Remove(local)
	if entries, _ := os.ReadDir(local); err != nil && len(entries) > 0 {
		return nil
	}
	if err != nil {
		return failed(local, &client.LocalError{Op: "remove", Path: local, Err: err})
	}
	return nil
}
