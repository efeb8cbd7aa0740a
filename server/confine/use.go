//go:build unix

package confine

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// use is a directory of a plan, open since before its process became another user, who
// need not be able to come that way.
type use struct {
	directory *os.File
	mode      uint32 // of access(2)
}

// replace becomes u, and looks whether u may use what plan names.
func (u User) replace(plan Plan) error {
	uses, err := openUses(plan)
	defer func() {
		for _, use := range uses {
			_ = use.directory.Close()
		}
	}()
	if err != nil {
		return err
	}
	if err := u.become(); err != nil {
		return err
	}
	for _, use := range uses {
		if err := unix.Faccessat(int(use.directory.Fd()), ".", use.mode, 0); err != nil {
			return u.cannotUse(use.directory.Name(), err)
		}
	}
	for _, name := range plan.Reload {
		file, err := os.Open(name)
		if err != nil {
			return u.cannotUse(name, err)
		}
		_ = file.Close()
	}
	return nil
}

func (u User) cannotUse(name string, err error) error {
	return fmt.Errorf("user %d with group %d: %w: %s: %w", u.UID, u.GID, ErrCannotUse, name, err)
}

func openUses(plan Plan) (uses []use, err error) {
	const read, change = unix.R_OK | unix.X_OK, unix.R_OK | unix.W_OK | unix.X_OK
	for mode, directories := range map[uint32][]string{change: plan.Change, read: plan.Read} {
		for _, name := range directories {
			directory, err := os.Open(name)
			if err != nil {
				return uses, err
			}
			uses = append(uses, use{directory, mode})
		}
	}
	return uses, nil
}
