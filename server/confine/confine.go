//go:build unix

// Package confine takes from a process what it does not need once it has started: root,
// then the means to gain more, then the files and the network that it has no business
// with.
//
//	plan := confine.Plan{Change: []string{root}, Reload: []string{users}, User: user}
//	report, err := confine.Enter(plan)
//
// On Linux the last of these is Landlock (landlock(7)). It holds whatever the process
// comes to run, a fault of its own included; file permissions, which it does not
// replace, still count.
package confine

import (
	"errors"
	"fmt"
)

// Mode says what becomes of a system that cannot confine.
type Mode uint8

const (
	// Auto confines as far as the system can, and reports how far that was.
	Auto Mode = iota
	// Off gives up root where a User is named, and nothing else.
	Off
	// Require is Auto that fails where the system has no Landlock.
	Require
)

var modeNames = [...]string{Auto: "auto", Off: "off", Require: "require"}

// ParseMode returns the Mode of a name: "auto", "off" or "require".
func ParseMode(name string) (Mode, error) {
	for mode, known := range modeNames {
		if name == known {
			return Mode(mode), nil
		}
	}
	return Auto, fmt.Errorf("unknown mode %q: use auto, off or require", name)
}

// String returns the name that ParseMode takes.
func (m Mode) String() string { return modeNames[m] }

// Plan is what a process keeps. The zero value keeps nothing but what is open.
type Plan struct {
	Mode Mode
	User *User // who it goes on as; nil is who it is

	Change []string // directories below which it may do everything that it does with files
	Read   []string // directories below which it may read
	Reload []string // files that it opens again by name, whatever then has the name
}

// Report is what is in force.
type Report struct {
	Landlock int    // the ABI of the kernel's Landlock (landlock(7)); 0 is none
	Network  bool   // no TCP socket can be bound or connected any more
	Signals  bool   // no signal reaches another process
	Without  string // why there is no Landlock; empty where there is, or where none was asked for
}

// ErrRequired is returned by Enter where Require asks for more than there is.
var ErrRequired = errors.New("the server is to be confined, and cannot be")

// ErrCannotUse is returned by Enter for a directory or file that the User may not use
// as the plan says.
var ErrCannotUse = errors.New("it may not use this")

// Enter gives up what plan does not keep, on every thread of the process, in the order
// in which each step still can be taken: the directories are opened as who it was, root
// is dropped, all is tried as who it is now, and then nothing more can be gained or
// reached. After an error the process may have lost some of it, and should end.
func Enter(plan Plan) (Report, error) {
	rules, err := prepare(plan)
	if err != nil {
		return Report{}, err
	}
	defer rules.close()
	if plan.User != nil {
		if err := plan.User.replace(plan); err != nil {
			return Report{}, err
		}
	}
	report, err := rules.enforce()
	if err == nil && plan.Mode == Require && report.Landlock == 0 {
		err = fmt.Errorf("%w: %s", ErrRequired, report.Without)
	}
	return report, err
}
