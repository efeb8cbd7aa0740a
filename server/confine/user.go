//go:build unix

package confine

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"slices"
	"strconv"
	"syscall"
)

// maxID is the largest number of a user or group: the one above it means "leave it as
// it is" to the system calls.
const maxID = 1<<32 - 2

// User is whom a process goes on as.
type User struct {
	UID int // never 0
	GID int // its only group
}

// ErrGroup is returned by LookupUser for the number of a user whom the system does not
// know, so that a group has to be named too.
var ErrGroup = errors.New("the system does not know this user, and so no group of it")

// LookupUser finds a user by number or name; without a group, which is a number or
// name too, by its own.
func LookupUser(name, group string) (User, error) {
	known, uid, err := findUser(name)
	switch {
	case err != nil:
		return User{}, err
	case uid == 0:
		return User{}, fmt.Errorf("%q is root", name)
	case group != "":
		gid, err := LookupGroup(group)
		return User{uid, gid}, err
	case known == nil:
		return User{}, fmt.Errorf("%q: %w", name, ErrGroup)
	}
	gid, err := number(known.Gid)
	return User{uid, gid}, err
}

// findUser takes a name of digits for a number, as chown(1) does where no user has it.
func findUser(name string) (*user.User, int, error) {
	known, err := user.Lookup(name)
	if err != nil {
		if uid, err := number(name); err == nil {
			known, _ = user.LookupId(name) // it need not be known
			return known, uid, nil
		}
		return nil, 0, fmt.Errorf("there is no user %q", name)
	}
	uid, err := number(known.Uid)
	return known, uid, err
}

// LookupGroup finds a group by number or name.
func LookupGroup(name string) (int, error) {
	if known, err := user.LookupGroup(name); err == nil {
		return number(known.Gid)
	}
	if gid, err := number(name); err == nil {
		return gid, nil
	}
	return 0, fmt.Errorf("there is no group %q", name)
}

func number(text string) (int, error) {
	id, err := strconv.ParseUint(text, 10, 32)
	if err == nil && id > maxID {
		err = strconv.ErrRange
	}
	return int(id), err
}

// become makes every thread of the process that of u, for good, and looks whether it
// is. Package syscall does each step on all threads.
func (u User) become() error {
	if u.is() {
		return nil
	}
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"setgroups", func() error { return syscall.Setgroups([]int{u.GID}) }},
		{"setgid", func() error { return syscall.Setgid(u.GID) }},
		{"setuid", func() error { return syscall.Setuid(u.UID) }},
	} {
		if err := step.do(); err != nil {
			return fmt.Errorf("become user %d with group %d: %w", u.UID, u.GID, os.NewSyscallError(step.name, err))
		}
	}
	groups, err := syscall.Getgroups()
	if err != nil {
		return os.NewSyscallError("getgroups", err)
	}
	if !u.is() || slices.ContainsFunc(groups, func(gid int) bool { return gid != u.GID }) {
		return fmt.Errorf("become user %d with group %d: it did not come about: user %d, groups %v", u.UID, u.GID, os.Geteuid(), groups)
	}
	if syscall.Setuid(0) == nil { // with a capability that something had it keep
		return fmt.Errorf("become user %d: root can be had back", u.UID)
	}
	return nil
}

func (u User) is() bool {
	return os.Getuid() == u.UID && os.Geteuid() == u.UID && os.Getgid() == u.GID && os.Getegid() == u.GID
}
