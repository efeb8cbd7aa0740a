package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

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
			"matches a name in any directory, one with a slash the path below SRC, and one that ends\n" +
			"with a slash directories only: --exclude '*' --include '*/' --include '*.txt' takes the\n" +
			"text files of all directories.",
		Flags: []cli.Flag{
			toggle("checksum", "", "compare files of the same size by their content"),
			toggle("delete", "", "remove what SRC does not have, once everything was copied"),
			&cli.Int64Flag{Name: "max-delete", Value: -1, DefaultText: "no limit", Usage: "remove nothing where it would be more than `N`"},
			toggle("force", "", "with --delete, also where SRC is empty"),
			linksFlag(),
			bwlimitFlag(),
			toggle("dry-run", "n", "print what would be done, and do nothing"),
			&cli.StringSliceFlag{Name: "exclude", Usage: "leave out what matches `PATTERN`, at both ends; may be repeated"},
			&cli.StringSliceFlag{Name: "include", Usage: "but not what matches `PATTERN`; may be repeated"},
			connectionsFlag(),
			verboseFlag(),
			jsonFlag(),
		},
		Action: action(out, runMirror),
	}
}

// mirror is one run of the command.
type mirror struct {
	*call
	remote, local string
	links         client.Links
	filter        filter
	transfer      *transfer
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
	m.transfer = newTransfer(c)
	m.transfer.follow = m.links
	if m.plan, err = m.compare(c.Context.Context); err != nil {
		return err
	}
	if err := m.refuse(); err != nil {
		return err
	}
	if c.Bool("dry-run") {
		return m.show()
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
	var err error
	if m.links, err = c.links(); err != nil {
		return nil, "", err
	}
	m.filter, err = newFilter(c.StringSlice("exclude"), c.StringSlice("include"))
	return m, remote, err
}

// compare walks both ends at once and plans what is to be done.
func (m *mirror) compare(ctx context.Context) (*plan, error) {
	here, there := targetEnd, sourceEnd
	if m.uploads {
		here, there = sourceEnd, targetEnd
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c := newComparison(m.Bool("checksum"))
	ended := make(chan error)
	go func() {
		err := m.listLocal(ctx, c, here)
		if err != nil {
			cancel()
		}
		ended <- err
	}()
	remoteErr := m.listRemote(ctx, c, there)
	if remoteErr != nil {
		cancel()
	}
	localErr := <-ended
	switch {
	case localErr != nil && !errors.Is(localErr, context.Canceled):
		return nil, failed(m.local, localErr)
	case remoteErr != nil:
		return nil, failed(m.remote, remoteErr)
	case localErr != nil:
		return nil, localErr
	}
	if err := m.byContent(c); err != nil {
		return nil, err
	}
	p := c.finish(m.Bool("delete"))
	for _, path := range p.stuck {
		m.fails(path, &failure{name: m.targetPath(path), hint: "--delete removes what --exclude does not keep", err: errInTheWay})
	}
	m.transfer.addTree(client.Summary{Failed: p.failed})
	return p, nil
}

var errInTheWay = errors.New("it is a directory at one end only, and is in the way of the copy")

// refuse stops a run that would remove what nobody wants removed.
func (m *mirror) refuse() error {
	n := int64(len(m.plan.remove))
	if n == 0 {
		return nil
	}
	if m.plan.sources == 0 && !m.Bool("force") {
		return &failure{
			name: m.Args().Get(0),
			hint: "--force removes " + things(n) + " all the same",
			err:  errEmptySource,
		}
	}
	if most := m.Int64("max-delete"); most >= 0 && n > most {
		return &failure{name: m.Args().Get(1), hint: "-n shows them", err: fmt.Errorf("%s would be removed, more than --max-delete %d", things(n), most)}
	}
	return nil
}

func things(n int64) string {
	if n == 1 {
		return "1 file or directory"
	}
	return fmt.Sprintf("%d files and directories", n)
}

var errEmptySource = errors.New("there is nothing in it")

// show prints the plan, a line for each thing to do, in the order of the run.
func (m *mirror) show() error {
	var total client.Summary
	list := func(at phase) {
		makes, copies := m.plan.of(at)
		for _, path := range makes {
			m.line("mkdir", path)
			total.Directories++
		}
		for _, path := range copies {
			m.line("copy", path)
			total.Files++
			total.Bytes += m.plan.copies[path]
		}
	}
	list(early)
	if m.plan.failed == 0 {
		for _, l := range m.plan.remove {
			m.line("remove", l.path)
		}
		list(late)
	}
	m.transfer.noteSkipped()
	if m.Bool("json") {
		total.Failed, total.Skipped = m.plan.failed, m.transfer.total.Skipped
		m.printSummary(total)
	}
	return m.incomplete(0)
}

// copied returns the error of the copies and of what could not be compared.
func (m *mirror) copied(err error) error {
	tree, some := errors.AsType[*client.TreeError](err)
	switch {
	case some:
		return m.incomplete(tree.Failed)
	case err != nil:
		return err
	}
	return m.incomplete(0)
}

// incomplete is the error of what could not be compared, and of so much that could not be
// copied: each was told.
func (m *mirror) incomplete(uncopied int64) error {
	failed := m.plan.failed + uncopied
	if failed == 0 {
		return nil
	}
	total := m.plan.failed + int64(len(m.plan.copies)+len(m.plan.makes))
	return &batchError{failed: failed, total: max(total, failed)}
}

func (m *mirror) line(what, path string) {
	if !m.Bool("json") {
		m.out.printf("%s %s\n", what, m.out.name(path))
		if m.Bool("verbose") {
			m.out.flush() // somebody looks on
		}
		return
	}
	r := m.record(path)
	r.Action = what
	m.printRecord(r)
}

func (m *mirror) record(path string) *fileRecord {
	remote := m.remote
	if path != "." {
		remote = joinRemote(m.remote, path)
	}
	r := m.newRecord(remote)
	r.setLocal(m.localPath(path))
	return r
}

// run copies, and then removes, and then copies what was in the way of that.
func (m *mirror) run() error {
	return m.transfer.run(func() error {
		if err := m.copied(m.copyAll(early)); err != nil {
			return err
		}
		if err := m.removeAll(); err != nil {
			return err
		}
		return m.copyAll(late)
	})
}

// copyAll makes the directories that are missing and copies what differs.
func (m *mirror) copyAll(at phase) error {
	if makes, copies := m.plan.of(at); len(makes)+len(copies) == 0 {
		return nil
	}
	t := m.transfer
	options := t.options()
	options.Select = m.plan.selects(at)
	options.OnFile = func(event client.FileEvent) {
		if event.Skipped == "" { // the comparison has told the others
			t.onFile(event)
		}
	}
	ctx := m.Context.Context
	var summary client.Summary
	var err error
	if m.uploads {
		summary, err = m.client.PutTree(ctx, m.local, m.remote, options)
	} else if err = os.MkdirAll(m.local, 0o777); err != nil {
		return failed(m.local, &client.LocalError{Op: "mkdir", Path: m.local, Err: err})
	} else {
		summary, err = m.client.GetTree(ctx, m.remote, m.local, options)
	}
	summary.Skipped = 0 // likewise
	t.addTree(summary)
	return failed(m.Args().Get(0), err)
}

// removeAll removes what the source does not have, each directory after what it holds.
func (m *mirror) removeAll() error {
	var files, directories []string
	for _, l := range m.plan.remove {
		if l.kind == client.Directory {
			directories = append(directories, l.path)
		} else {
			files = append(files, l.path)
		}
	}
	if err := each(m.call, files, m.removeOne); err != nil {
		return err
	}
	return inOrder(m.call, directories, m.removeOne)
}

func (m *mirror) removeOne(ctx context.Context, path string) error {
	var err error
	if m.uploads {
		remote := m.targetPath(path)
		err = m.vanish(ctx, remote, 0, func() error { return m.client.Remove(ctx, remote) })
		if errors.Is(err, client.ErrNotEmpty) { // something has come since
			return nil
		}
	} else {
		local := m.targetPath(path)
		err = os.Remove(local)
		if entries, _ := os.ReadDir(local); err != nil && len(entries) > 0 {
			return nil
		}
		if err != nil {
			err = &client.LocalError{Op: "remove", Path: local, Err: err}
		}
	}
	if err == nil && (m.Bool("json") || m.Bool("verbose")) {
		m.line("remove", path)
	}
	return failed(m.targetPath(path), err)
}

func (m *mirror) localPath(path string) string {
	return filepath.Join(m.local, filepath.FromSlash(path))
}

// targetPath is the whole path of what is in the target.
func (m *mirror) targetPath(path string) string {
	if m.uploads {
		return joinRemote(m.remote, path)
	}
	return m.localPath(path)
}
