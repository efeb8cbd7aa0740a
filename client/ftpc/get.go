package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/urfave/cli/v2"

	"ftpd/client"
	"ftpd/internal/command"
	"ftpd/protocol"
)

// dash is standard input or standard output in place of a path of this machine.
const dash = "-"

func getCommand(out *console) *cli.Command {
	return &cli.Command{
		Name:      "get",
		Usage:     "get files from the server",
		ArgsUsage: "[-r] [-d DIR] REMOTE... [LOCAL]",
		Description: "\"get a\" writes ./a, \"get a b\" writes b, \"get a -\" writes to standard output.\n" +
			"Several files, or a pattern in quotes, need -d DIR. -r copies a directory as cp -r\n" +
			"does: into LOCAL/name where LOCAL exists, as LOCAL where it does not. It copies all of it,\n" +
			"also what is there already: \"ftpc mirror\" copies only what differs.",
		Flags: []cli.Flag{
			toggle("recursive", "r", "get directories with all they hold"),
			&cli.StringFlag{Name: "dir", Aliases: []string{"d"}, Usage: "write into `DIR`, made if missing"},
			connectionsFlag(),
			linksFlag(),
			bwlimitFlag(),
			verboseFlag(),
			jsonFlag(),
		},
		Action: action(out, runGet),
	}
}

func runGet(c *call) error {
	if err := c.need(1, -1); err != nil {
		return err
	}
	p := place{dir: c.dir, into: c.IsSet("dir"), recursive: c.Bool("recursive")}
	remotes, local, err := splitArguments(c.Args().Slice(), p.into)
	if err != nil {
		return err
	}
	p.path = local
	if p.links, err = c.links(); err != nil {
		return err
	}
	if err := checkGet(c, remotes, p); err != nil {
		return err
	}
	targets, err := c.connectTargets(remotes...)
	if err != nil {
		return err
	}
	sources, err := c.expand(targets)
	if err != nil {
		return err
	}
	if len(sources) == 0 {
		return nil // what the pattern could not look into is the error
	}
	if sources[0].matched && !p.into {
		return needsDirectory()
	}
	if p.path == dash {
		return getToOutput(c, sources[0].path)
	}
	return getToFiles(c, sources, p)
}

// checkGet refuses what cannot be meant.
func checkGet(c *call, remotes []string, p place) error {
	switch {
	case slices.Contains(remotes, dash):
		usage := command.Usagef("- is standard output, which nothing can be got from")
		usage.Hint = "./- is a file of that name on the server"
		return usage
	case isURL(p.path) || isURL(p.dir):
		return command.Usagef("the files can only be written to this machine")
	case p.path == dash && p.recursive:
		return command.Usagef("a directory cannot be written to standard output")
	case p.path == dash && c.Bool("json"):
		return command.Usagef("standard output cannot take both the file and --json")
	case p.path == dash && c.Bool("verbose"):
		return command.Usagef("standard output cannot take both the file and --verbose")
	}
	return nil
}

func getToFiles(c *call, sources []source, p place) error {
	if err := refuseCollisions(sources, p); err != nil {
		return err
	}
	if p.into {
		if err := os.MkdirAll(p.dir, 0o777); err != nil {
			return failed(p.dir, &client.LocalError{Op: "mkdir", Path: p.dir, Err: err})
		}
	}
	t := newTransfer(c)
	t.follow = p.links
	return t.run(func() error {
		return each(c, sources, func(ctx context.Context, s source) error {
			return failed(s.path, p.hintMissing(s.path, t.get(ctx, s, p)))
		})
	})
}

// hintMissing adds to an error of this machine what helps where the directory
// of the copy is missing: often its path was meant as a second source.
func (p place) hintMissing(name string, err error) error {
	local := new(client.LocalError)
	if p.path == "" || !errors.As(err, &local) || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := filepath.Dir(filepath.Clean(p.path))
	if _, missing := os.Stat(parent); missing == nil {
		return err
	}
	hint := "make the directory " + visible(parent) + " first; -d DIR makes DIR, and gets several files into it"
	return &failure{name: name, hint: hint, err: err}
}

// refuseCollisions refuses sources that would overwrite each other.
func refuseCollisions(sources []source, p place) error {
	taken := make(map[string]string, len(sources))
	for _, s := range sources {
		name := remoteBase(s.path)
		if first, ok := taken[name]; ok && p.into {
			return command.Usagef("%s and %s would both become %s", first, s.path, joinRemote(p.dir, name))
		}
		taken[name] = s.path
	}
	return nil
}

// get copies one source to where p says.
func (t *transfer) get(ctx context.Context, s source, p place) error {
	local, tree, err := t.place(ctx, s, p)
	if err != nil {
		t.addFile(client.FileEvent{Remote: s.path, Local: local, Err: err})
		return err
	}
	if tree {
		summary, err := t.call.client.GetTree(ctx, s.path, local, t.options())
		t.addTree(summary)
		return err
	}
	return t.getFile(ctx, s.path, local)
}

// place finds where the copy of a source goes, and whether it is a tree; with
// an error, local is where it would have gone.
func (t *transfer) place(ctx context.Context, s source, p place) (local string, tree bool, err error) {
	name, safe := localName(s.path)
	if !safe {
		return "", false, errUnsafeName
	}
	local = p.likely(name, here.join)
	if p.recursive {
		if tree, err = t.call.isDirectory(ctx, s); err != nil {
			return local, false, err
		}
	}
	target, err := p.target(name, tree, here)
	if err != nil {
		return local, false, err
	}
	if hint := p.anotherTry(name, target, tree, here, mirrors(t.call.urlOf(s.path), target)); hint != "" {
		t.call.out.again = hint // there is one source, and nothing under way
	}
	return target, tree, nil
}

// errUnsafeName is a name of the server that would leave the directory the
// copies go to, or that this machine cannot have.
var errUnsafeName = errors.New("this name cannot be a file's here")

func (t *transfer) getFile(ctx context.Context, remote, local string) error {
	into, err := getTarget(local)
	var result client.Result
	switch {
	case err != nil:
		err = t.blame(ctx, remote, err)
	case into.stream:
		result, err = t.getStream(ctx, remote, into.path)
	default:
		result, err = t.call.client.GetFile(ctx, remote, into.path, &client.TransferOptions{Progress: t.progress})
	}
	t.addFile(client.FileEvent{Remote: remote, Local: local, Result: result, Err: err})
	return err
}

// blame returns why a file cannot be written where a directory is: that, or
// what is wrong with the remote path already. Only this case pays for asking.
func (t *transfer) blame(ctx context.Context, remote string, taken error) error {
	info, err := t.call.client.Stat(ctx, remote)
	switch {
	case err != nil:
		return err
	case info.Kind == client.Directory:
		return &client.Error{Op: "get", Path: remote, Code: protocol.IsDirectory}
	}
	return taken
}

// landing is what a file is written to.
type landing struct {
	path   string
	stream bool // written to as it is: a device or a pipe, which no rename may replace
}

// getTarget looks at what is at local already: a directory is never
// overwritten, a symbolic link is followed, a device is written to.
func getTarget(local string) (landing, error) {
	info, err := os.Stat(local)
	if err != nil {
		return landing{path: local}, nil // missing, or the transfer tells what is wrong
	}
	if info.IsDir() {
		return landing{}, &failure{
			name: local,
			hint: "-d " + visible(local) + " gets into that directory",
			err:  &client.LocalError{Op: "write", Path: local, Err: errDirectory},
		}
	}
	if resolved, err := filepath.EvalSymlinks(local); err == nil {
		local = resolved
	}
	return landing{path: local, stream: !info.Mode().IsRegular()}, nil
}

func (t *transfer) getStream(ctx context.Context, remote, local string) (client.Result, error) {
	defer t.call.out.hold()() // a pipe is opened, and written to, when somebody reads it
	f, err := os.OpenFile(local, os.O_WRONLY, 0)
	if err != nil {
		return client.Result{}, &client.LocalError{Op: "open", Path: local, Err: err}
	}
	result, err := t.call.client.Get(ctx, remote, f, &client.GetOptions{Progress: t.progress})
	if fault, ok := errors.AsType[*client.LocalError](err); ok {
		err = &client.LocalError{Op: fault.Op, Path: local, Err: fault.Err}
	}
	if closeErr := f.Close(); err == nil && closeErr != nil {
		err = &client.LocalError{Op: "close", Path: local, Err: closeErr}
	}
	return result, err
}

// getToOutput writes a file to standard output.
func getToOutput(c *call, remote string) error {
	t := newTransfer(c)
	if c.out.escape {
		t.progress.silence() // the content is on the same screen
	}
	return t.run(func() error {
		defer c.out.hold()()
		_, err := c.client.Get(c.Context.Context, remote, io.Writer(os.Stdout), &client.GetOptions{Progress: t.progress})
		return failed(remote, err)
	})
}
