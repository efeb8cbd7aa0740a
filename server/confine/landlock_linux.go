package confine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What a server does with the files below its directories. It runs none, and makes no
// device, which would lead out of them.
const (
	readFiles = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR

	changeFiles = readFiles | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_TRUNCATE |
		unix.LANDLOCK_ACCESS_FS_MAKE_REG | unix.LANDLOCK_ACCESS_FS_MAKE_DIR | unix.LANDLOCK_ACCESS_FS_MAKE_SYM |
		unix.LANDLOCK_ACCESS_FS_MAKE_FIFO | unix.LANDLOCK_ACCESS_FS_MAKE_SOCK | // to rename one asks for the right to make it
		unix.LANDLOCK_ACCESS_FS_REMOVE_FILE | unix.LANDLOCK_ACCESS_FS_REMOVE_DIR | unix.LANDLOCK_ACCESS_FS_REFER
)

// minABI is the first that can allow to rename from one directory to another; the one
// before it denies that always (Linux 5.13 to 5.18).
const minABI = 2

// The versions that brought something to deny (landlock(7), HISTORY). All of it is
// denied, but for what a rule allows; no rule allows a TCP port.
var deniable = []struct {
	abi  int
	attr unix.LandlockRulesetAttr
}{
	{1, unix.LandlockRulesetAttr{Handled_access_fs: unix.LANDLOCK_ACCESS_FS_MAKE_SYM<<1 - 1}}, // the first 13
	{2, unix.LandlockRulesetAttr{Handled_access_fs: unix.LANDLOCK_ACCESS_FS_REFER}},
	{3, unix.LandlockRulesetAttr{Handled_access_fs: unix.LANDLOCK_ACCESS_FS_TRUNCATE}},
	{4, unix.LandlockRulesetAttr{Handled_access_net: unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP}},
	{5, unix.LandlockRulesetAttr{Handled_access_fs: unix.LANDLOCK_ACCESS_FS_IOCTL_DEV}},
	{6, unix.LandlockRulesetAttr{Scoped: unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL}},
}

// threadsMaySignal is the bit of the erratum without whose mending (Linux 6.15) a
// confined thread cannot signal another of its own process, which the runtime of Go
// lives by: each thread is confined by itself.
const threadsMaySignal = 1 << (2 - 1)

// denied returns what a kernel is asked to deny.
func denied(abi, errata int) unix.LandlockRulesetAttr {
	var attr unix.LandlockRulesetAttr
	for _, version := range deniable {
		if version.abi <= abi {
			attr.Handled_access_fs |= version.attr.Handled_access_fs
			attr.Handled_access_net |= version.attr.Handled_access_net
			attr.Scoped |= version.attr.Scoped
		}
	}
	if errata&threadsMaySignal == 0 {
		attr.Scoped &^= unix.LANDLOCK_SCOPE_SIGNAL
	}
	return attr
}

// rules are what is to be enforced.
type rules struct {
	mode   Mode
	fd     int // of the ruleset, -1 where there is none
	attr   unix.LandlockRulesetAttr
	report Report
}

// prepare makes the rules of a plan, while every directory can be opened.
func prepare(plan Plan) (*rules, error) {
	r := &rules{mode: plan.Mode, fd: -1}
	if plan.Mode == Off {
		return r, nil
	}
	abi, err := landlockVersion(unix.LANDLOCK_CREATE_RULESET_VERSION)
	switch {
	case err != nil:
		r.report.Without = withoutLandlock(err)
		return r, nil
	case abi < minABI:
		r.report.Without = fmt.Sprintf("this kernel has Landlock ABI %d, which cannot allow to move files between directories: Linux 5.19 can", abi)
		return r, nil
	}
	errata, err := landlockVersion(unix.LANDLOCK_CREATE_RULESET_ERRATA)
	if err != nil {
		errata = 0 // the kernel is older than the question
	}
	if err := r.create(abi, errata); err != nil {
		return nil, err
	}
	if err := r.allow(plan); err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

func withoutLandlock(err error) string {
	switch {
	case errors.Is(err, unix.ENOSYS):
		return "this kernel has no Landlock"
	case errors.Is(err, unix.EOPNOTSUPP):
		return "Landlock is not among the security modules that this kernel was started with (lsm=)"
	default: // EPERM of a seccomp filter that does not know it
		return fmt.Sprintf("Landlock is refused: %v", err)
	}
}

// landlockVersion asks the kernel about Landlock, by landlock_create_ruleset(2) without
// rules.
func landlockVersion(question uintptr) (int, error) {
	n, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, question)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// create makes the ruleset. A kernel takes a structure longer than its own where what
// it does not know is zero.
func (r *rules) create(abi, errata int) error {
	r.attr = denied(abi, errata)
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&r.attr)), unsafe.Sizeof(r.attr), 0)
	if errno != 0 {
		return os.NewSyscallError("landlock_create_ruleset", errno)
	}
	r.fd = int(fd)
	r.report.Landlock = abi
	r.report.Network = r.attr.Handled_access_net != 0
	r.report.Signals = r.attr.Scoped&unix.LANDLOCK_SCOPE_SIGNAL != 0
	return nil
}

func (r *rules) allow(plan Plan) error {
	for _, dir := range plan.Change {
		if err := r.below(dir, changeFiles); err != nil {
			return err
		}
	}
	for _, dir := range plan.Read {
		if err := r.below(dir, readFiles); err != nil {
			return err
		}
	}
	for _, file := range plan.Reload {
		directories, err := homesOf(file)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		for _, dir := range directories {
			if err := r.below(dir, unix.LANDLOCK_ACCESS_FS_READ_FILE); err != nil {
				return err
			}
		}
	}
	return nil
}

// homesOf returns the directories in which a file is looked for when it is opened: that
// of its name, and where the name is a link that of what it leads to. A rule for the
// file itself would hold for this file only, and not for the one that replaces it.
func homesOf(file string) ([]string, error) {
	absolute, err := filepath.Abs(file)
	if err != nil {
		return nil, err
	}
	target, err := filepath.EvalSymlinks(absolute)
	if err != nil {
		return nil, err
	}
	return []string{filepath.Dir(absolute), filepath.Dir(target)}, nil
}

// below allows what access names on everything below dir.
func (r *rules) below(dir string, access uint64) error {
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: dir, Err: err}
	}
	defer func() { _ = unix.Close(fd) }() // nothing was written
	rule := unix.LandlockPathBeneathAttr{Allowed_access: access & r.attr.Handled_access_fs, Parent_fd: int32(fd)}
	_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(r.fd), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&rule)), 0, 0, 0)
	if errno != 0 {
		return &os.PathError{Op: "landlock_add_rule", Path: dir, Err: errno}
	}
	return nil
}

func (r *rules) close() {
	if r.fd >= 0 {
		_ = unix.Close(r.fd) // the kernel keeps what is in force
	}
}

// enforce takes the means to gain more, which Landlock asks for too, and then what the
// rules deny. Both are properties of a thread, and inherited by those that it starts.
func (r *rules) enforce() (Report, error) {
	if r.mode == Off {
		return Report{}, nil
	}
	_, _, errno := syscall.AllThreadsSyscall6(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0)
	switch {
	case errno == unix.ENOTSUP:
		return Report{Without: "this program was built with cgo, and does not know all of its threads: build it with CGO_ENABLED=0"}, nil
	case errno != 0:
		return Report{}, os.NewSyscallError("prctl", errno)
	case r.fd < 0:
		return r.report, nil
	}
	if _, _, errno := syscall.AllThreadsSyscall(unix.SYS_LANDLOCK_RESTRICT_SELF, uintptr(r.fd), 0, 0); errno != 0 {
		return Report{}, os.NewSyscallError("landlock_restrict_self", errno)
	}
	return r.report, nil
}
