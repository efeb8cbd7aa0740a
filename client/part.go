package client

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"unicode/utf8"

	"ftpd/protocol"
)

const (
	partSuffix    = ".ftpc-part"
	journalSuffix = ".ftpc-journal"
	maxName       = 255 // bytes of a name in a directory, as far as systems agree
)

// partName returns a hidden name beside name for what is not complete yet and
// will not be gone on with.
func partName(name string) string {
	return hiddenName(name, fmt.Sprintf(".ftpc-%016x", partNumber()))
}

// keptName returns the hidden name beside name that every run finds again.
// Where names are too long to be told apart by what fits, a digest does it.
func keptName(name, suffix string) string {
	if len(".")+len(name)+len(suffix) > maxName {
		suffix = "-" + protocol.BlockDigest([]byte(name)).String()[:16] + suffix
	}
	return hiddenName(name, suffix)
}

// IsPart tells whether the last name of a path is that of a part file, as GetFile
// makes them, or of the journal beside one.
func IsPart(path string) bool {
	_, name := split(path)
	if !strings.HasPrefix(name, ".") || !strings.Contains(name, ".ftpc-") {
		return false
	}
	return strings.HasSuffix(name, partSuffix) || strings.HasSuffix(name, journalSuffix) || unnamedPart.MatchString(name)
}

// hiddenName cuts name, between characters, so that all fits.
func hiddenName(name, suffix string) string {
	if most := maxName - len(".") - len(suffix); len(name) > most {
		cut := most
		for cut > most-utf8.UTFMax && !utf8.RuneStart(name[cut]) {
			cut--
		}
		name = name[:cut]
	}
	return "." + name + suffix
}

// keptPart is the part file of a large file, which outlives an interrupted run
// with its journal. Who holds the lock of the journal owns both.
type keptPart struct {
	root    *os.Root
	names   struct{ part, journal string }
	journal *os.File // locked
	origin  origin
	begun   bool  // the files are of this run, or are gone on with
	blocks  int64 // that the journal tells of
	broken  bool  // the journal could not be written to, and tells of no more blocks
}

// lockPart takes the part file for a target, whether there is one or not. It
// returns nil where another run has it, or where the system or the directory
// does not allow that to be known.
func lockPart(root *os.Root, name string, mustExist bool) *keptPart {
	if !canLock {
		return nil
	}
	k := &keptPart{root: root}
	k.names.part, k.names.journal = keptName(name, partSuffix), keptName(name, journalSuffix)
	const attempts = 10 // another run may finish, and remove it, just now
	for range attempts {
		flags := os.O_RDWR | openRegular
		if !mustExist {
			flags |= os.O_CREATE
		}
		f, made, err := k.open(k.names.journal, flags)
		if err != nil {
			return nil
		}
		if err = tryLock(f); err == nil && isStill(root, k.names.journal, f) {
			k.journal = f
			return k
		}
		_ = f.Close() // it was not written to
		if made && err != nil && !errors.Is(err, syscall.EWOULDBLOCK) {
			_ = root.Remove(k.names.journal) // nobody can lock it here
		}
		if err != nil {
			return nil
		}
	}
	return nil
}

// open opens a file by a name that anybody can foresee: what is there must be
// a regular file of this user with no other name. In a directory that others
// may write to, it could be theirs, or a link. made says that it was not there.
func (k *keptPart) open(name string, flags int) (f *os.File, made bool, err error) {
	info, err := k.root.Lstat(name)
	made = errors.Is(err, fs.ErrNotExist)
	switch {
	case made && flags&os.O_CREATE != 0:
		flags |= os.O_EXCL
	case err != nil:
		return nil, false, err
	case !isOurs(info):
		return nil, false, fs.ErrPermission
	}
	if f, err = k.root.OpenFile(name, flags, 0o600); err != nil {
		return nil, false, err
	}
	if opened, err := f.Stat(); err != nil || !isOurs(opened) {
		_ = f.Close() // it was not written to
		if made {
			_ = k.root.Remove(name) // files get another owner here
		}
		return nil, false, fs.ErrPermission
	}
	return f, made, nil
}

// isStill tells whether a name still is that of an open file.
func isStill(root *os.Root, name string, f *os.File) bool {
	opened, err := f.Stat()
	if err != nil {
		return false
	}
	named, err := root.Lstat(name)
	return err == nil && os.SameFile(opened, named)
}

// recall finds out what the part file holds of a file on the server, and adds
// it to tree. It returns the part file, or nil where that is nothing.
func (k *keptPart) recall(want origin, tree *protocol.Tree) *os.File {
	head, length, err := readHead(k.journal)
	if err != nil || !head.sameFile(&want) {
		return nil
	}
	part, _, err := k.open(k.names.part, os.O_RDWR|openRegular)
	if err != nil {
		return nil
	}
	var doubted io.Reader
	if head.boot == "" || head.boot != want.boot {
		doubted = part
	}
	info, err := part.Stat()
	if err == nil {
		k.origin, k.begun = head, true
		k.blocks = replay(k.journal, doubted, min(info.Size(), head.size)/protocol.BlockSize, tree)
		err = k.cut(part, length)
	}
	if err != nil || k.blocks == 0 {
		_ = part.Close() // it is not gone on with
		return nil
	}
	return part
}

// cut cuts off what is not to be relied on, and goes to where it was.
func (k *keptPart) cut(part *os.File, head int64) error {
	have, journal := k.blocks*protocol.BlockSize, head+k.blocks*protocol.DigestLen
	err := errors.Join(part.Truncate(have), k.journal.Truncate(journal))
	if err != nil {
		return err
	}
	_, err = part.Seek(have, io.SeekStart)
	_, journalErr := k.journal.Seek(journal, io.SeekStart)
	return errors.Join(err, journalErr)
}

// begin empties both files for a version of a file, and returns the part file.
func (k *keptPart) begin(o origin) (*os.File, error) {
	k.origin, k.begun, k.blocks = o, true, 0
	// The journal first: it must never tell of what is not there.
	if err := k.journal.Truncate(0); err != nil {
		return nil, err
	}
	if err := k.root.Remove(k.names.part); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	part, _, err := k.open(k.names.part, os.O_RDWR|os.O_CREATE|openRegular)
	if err != nil {
		return nil, err
	}
	if _, err = k.journal.WriteAt(o.head(), 0); err == nil {
		_, err = k.journal.Seek(0, io.SeekEnd)
	}
	if err != nil {
		_ = part.Close() // it is not used
		return nil, err
	}
	return part, nil
}

// wrote tells that a block of n bytes was verified and written.
func (k *keptPart) wrote(digest protocol.Digest, n int) {
	if n < protocol.BlockSize || k.broken {
		return
	}
	if _, err := k.journal.Write(digest[:]); err != nil {
		k.broken = true // so much less is gone on with
		return
	}
	k.blocks++
}

// drop removes both files; their owner stays it until leave.
func (k *keptPart) drop() {
	_ = k.root.Remove(k.names.part)    // it may be in its place already
	_ = k.root.Remove(k.names.journal) // one without a part file says nothing
	k.blocks = 0
}

// leave gives the files up to the next run, if there is anything to go on with.
// What this run did not come to touch stays as it was.
func (k *keptPart) leave() {
	if k.begun && k.blocks == 0 {
		k.drop()
	}
	_ = k.journal.Close() // a digest that it lacks is one block less
}
