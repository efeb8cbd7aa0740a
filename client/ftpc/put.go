package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"ftpd/client"
	"ftpd/internal/command"
)

func putCommand(out *console) *cli.Command {
	return &cli.Command{
		Name:      "put",
		Usage:     "put files on the server",
		ArgsUsage: "[-r] [-d REMOTE_DIR] LOCAL... [REMOTE]",
		Description: "\"put a\" stores a, \"put dir/a\" stores a too, \"put a b/c\" stores b/c and makes b if it is\n" +
			"missing, \"put - a\" stores standard input. Several files need -d REMOTE_DIR. -r copies a\n" +
			"directory as cp -r does: into REMOTE/name where REMOTE exists, as REMOTE where it does not.\n" +
			"It copies all of it, also what is there already: \"ftpc mirror\" copies only what differs.\n" +
			"--create-only replaces nothing, --if-etag only the version of which \"ftpc stat --json\" told.",
		Flags: []cli.Flag{
			toggle("recursive", "r", "put directories with all they hold"),
			&cli.StringFlag{Name: "dir", Aliases: []string{"d"}, Usage: "store in `REMOTE_DIR`, made if missing"},
			connectionsFlag(),
			toggle("create-only", "", "replace no file that exists"),
			&cli.StringFlag{Name: "if-etag", Usage: "replace only the file that has this `ETAG`"},
			linksFlag(),
			bwlimitFlag(),
			verboseFlag(),
			jsonFlag(),
		},
		Action: action(out, runPut),
	}
}

func runPut(c *call) error {
	if err := c.need(1, -1); err != nil {
		return err
	}
	p := place{dir: c.dir, into: c.IsSet("dir"), recursive: c.Bool("recursive")}
	locals, remote, err := splitArguments(c.Args().Slice(), p.into)
	if err != nil {
		return err
	}
	p.path = remote
	if p.links, err = c.links(); err != nil {
		return err
	}
	if err := c.checkPut(locals, p); err != nil {
		return err
	}
	only, err := c.condition(p)
	if err != nil {
		return err
	}
	if locals[0] != dash {
		if locals, err = expandLocal(locals); err != nil {
			return err
		}
	}
	switch {
	case len(locals) > 1 && !p.into:
		return needsDirectory()
	case len(locals) > 1 && only.ifMatch != 0:
		return command.Usagef("--if-etag is for one file")
	}
	if err := c.connectPlace(&p); err != nil {
		return err
	}
	t := newTransfer(c)
	t.only = only
	if locals[0] == dash {
		return t.putInput(p.path)
	}
	return t.putFiles(locals, p)
}

// condition is what the server must hold, or must not, for a file to be stored.
type condition struct {
	createOnly bool
	ifMatch    uint64 // an etag; 0 is any
}

// condition reads that of the command line.
func (c *call) condition(p place) (condition, error) {
	only := condition{createOnly: c.Bool("create-only")}
	if !c.IsSet("if-etag") {
		return only, nil
	}
	text := c.String("if-etag")
	var err error
	only.ifMatch, err = strconv.ParseUint(text, 16, 64)
	switch {
	case err != nil || only.ifMatch == 0:
		usage := command.Usagef("--if-etag: %q is no etag", text)
		usage.Hint = "ftpc stat --json PATH tells that of a file"
		return only, usage
	case only.createOnly:
		return only, command.Usagef("--create-only is for a file that is not there, --if-etag for one that is")
	case p.recursive:
		return only, command.Usagef("--if-etag is for one file")
	}
	return only, nil
}

// checkPut refuses what cannot be meant.
func (c *call) checkPut(locals []string, p place) error {
	switch {
	case slices.ContainsFunc(locals, isURL):
		usage := command.Usagef("the files can only be read from this machine")
		if c.profile != nil {
			usage.Hint = "./" + c.profile.name + ":... is a file here"
		}
		return usage
	case p.path == dash:
		return command.Usagef("- is standard input, which nothing can be put to")
	case areTwoFiles(locals[0], p):
		usage := command.Usagef("%s and %s are both files here, and the first would be stored as the second", locals[0], p.path)
		usage.Hint = "-d . stores both; " + otherSpelling(p.path) + " as the last argument stores the first under that name"
		return usage
	case !slices.Contains(locals, dash):
		return nil
	case p.path == "":
		usage := command.Usagef("standard input needs a name")
		usage.Hint = "usage: ftpc put - REMOTE"
		return usage
	case p.recursive:
		return command.Usagef("standard input is no directory")
	}
	return p.mustNameFile()
}

// areTwoFiles tells whether source and destination are what a shell makes of
// *.txt where two files match: files of one directory, spelled alike. It is
// refused and not only told, for by the time a warning is read the server's
// file of the second name would be gone. What is named by hand for its
// destination seldom is this (put new.txt new.txt, put dist/a a), and another
// spelling (./a) says that it is meant.
func areTwoFiles(local string, p place) bool {
	if p.into || p.path == "" || local == dash || local == p.path {
		return false
	}
	if from, to := filepath.Dir(local), filepath.Dir(p.path); from != to || isSpelledOut(local) != isSpelledOut(p.path) {
		return false
	}
	_, missing := os.Lstat(local)
	info, err := os.Stat(p.path)
	return missing == nil && err == nil && info.Mode().IsRegular()
}

// isSpelledOut tells whether a path begins with "./", which means nothing.
func isSpelledOut(path string) bool { return strings.HasPrefix(path, "./") }

// otherSpelling returns the same path with "./" or without.
func otherSpelling(path string) string {
	if rest, found := strings.CutPrefix(path, "./"); found {
		return rest
	}
	return "./" + path
}

var errDirectory = errors.New("is a directory here")

// connectPlace dials the server that the destination is on.
func (c *call) connectPlace(p *place) error {
	destination := &p.path
	if p.into {
		destination = &p.dir
	} else if p.path == "" {
		_, err := c.connect()
		return err
	}
	paths, err := c.connect(*destination)
	if err != nil {
		return err
	}
	*destination = paths[0]
	if *destination == "" {
		*destination = "." // a URL without a path is the served directory
	}
	return nil
}

func (t *transfer) putFiles(locals []string, p place) error {
	if err := refusePutCollisions(locals, p); err != nil {
		return err
	}
	t.follow = p.links
	return t.run(func() error {
		return each(t.call, locals, func(ctx context.Context, local string) error {
			return failed(local, t.put(ctx, local, p))
		})
	})
}

// refusePutCollisions refuses files that would overwrite each other.
func refusePutCollisions(locals []string, p place) error {
	taken := make(map[string]string, len(locals))
	for _, local := range locals {
		name, err := trimLocal(local)
		if err != nil {
			return failed(local, err)
		}
		if first, ok := taken[name]; ok && p.into {
			return command.Usagef("%s and %s would both become %s", first, local, joinRemote(p.dir, name))
		}
		taken[name] = local
	}
	return nil
}

// put copies one path of this machine to where p says.
func (t *transfer) put(ctx context.Context, local string, p place) error {
	info, remote, err := t.prepare(local, p)
	switch {
	case err != nil:
		t.addFile(client.FileEvent{Remote: remote, Local: local, Err: err})
		return err
	case info.IsDir():
		summary, err := t.call.client.PutTree(ctx, local, remote, t.options())
		t.addTree(summary)
		return err
	case info.Mode().IsRegular():
		return t.putFile(ctx, local, remote)
	}
	return t.putStream(ctx, local, remote)
}

// prepare looks at a path of this machine and finds where its copy goes; with
// an error, remote is where it would have gone.
func (t *transfer) prepare(local string, p place) (info os.FileInfo, remote string, err error) {
	name, err := trimLocal(local)
	if err != nil {
		return nil, "", err
	}
	remote = p.likely(name, joinRemote)
	info, err = os.Stat(local)
	if err != nil {
		return nil, remote, &client.LocalError{Op: "open", Path: local, Err: err}
	}
	if info.IsDir() && !p.recursive {
		return nil, remote, &failure{
			name: local,
			hint: "-r puts a directory with all it holds",
			err:  &client.LocalError{Op: "open", Path: local, Err: errDirectory},
		}
	}
	there := t.call.there()
	target, err := p.target(name, info.IsDir(), there)
	if err != nil {
		return nil, remote, err
	}
	if hint := p.anotherTry(name, target, info.IsDir(), there, mirrors(local, t.call.urlOf(target))); hint != "" {
		t.call.out.again = hint // there is one source, and nothing under way
	}
	return info, target, nil
}

func (t *transfer) putFile(ctx context.Context, local, remote string) error {
	options := client.TransferOptions{Progress: t.progress, CreateOnly: t.only.createOnly, IfMatch: t.only.ifMatch}
	result, err := t.call.client.PutFile(ctx, local, remote, &options)
	err = ofDestination(err, remote)
	t.addFile(client.FileEvent{Remote: remote, Local: local, Result: result, Err: err})
	return err
}

// putStream stores what a device or a pipe, such as a shell's <(command), gives.
func (t *transfer) putStream(ctx context.Context, local, remote string) error {
	opened := t.call.out.hold() // a pipe is opened when somebody writes to it
	f, err := os.Open(local)
	opened()
	if err != nil {
		return &client.LocalError{Op: "open", Path: local, Err: err}
	}
	defer f.Close()
	return t.putReader(ctx, f, local, remote)
}

func (t *transfer) putReader(ctx context.Context, f *os.File, local, remote string) error {
	r, lost := readerFor(ctx, f)
	options := client.PutOptions{Progress: t.progress, CreateOnly: t.only.createOnly, IfMatch: t.only.ifMatch, Lost: lost}
	result, err := t.call.client.Put(ctx, remote, r, &options)
	err = ofDestination(err, remote)
	t.addFile(client.FileEvent{Remote: remote, Local: local, Result: result, Err: err})
	return err
}

// ofDestination names the path on the server in an error that the server gave.
func ofDestination(err error, remote string) error {
	var refused *client.Error
	if errors.As(err, &refused) && !fatal(err) {
		return failed(strings.TrimPrefix(remote, "./"), err)
	}
	return err
}

// putInput stores standard input.
func (t *transfer) putInput(remote string) error {
	t.progress.unknownSize()
	return t.run(func() error {
		return failed(remote, t.putReader(t.call.Context.Context, os.Stdin, dash, remote))
	})
}
