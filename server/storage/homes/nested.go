//go:build unix

package homes

import (
	"errors"
	"fmt"
	"strings"

	"ftpd/server/storage"
)

// ErrNested is what Check returns of homes that cannot be had together.
var ErrNested = errors.New("the quota of a home cannot be kept")

// Use is who uses a home, for Check.
type Use struct {
	Who   string // for the error: a user's name
	Home  string // as it is given to Acquire
	Quota Quota
	Write bool // anything may be changed there: put, removed, renamed
}

// Check tells whether every quota can be kept: who changes something in a home must be
// counted there. So homes may lie in one another where none with a quota contains, or lies
// in, another one that is written to; and all who have one home have the same quota. A link
// that makes one home a part of another is not seen.
func Check(uses []Use) error {
	limited, written := map[storage.Path]Use{}, map[storage.Path]Use{}
	for _, u := range uses {
		path, err := storage.ParsePath(strings.TrimLeft(u.Home, "/"))
		if err != nil {
			return fmt.Errorf("the home of %s: %w", u.Who, err)
		}
		if u.Write {
			written[path] = u
		}
		if u.Quota.limits() {
			limited[path] = u
		}
	}
	for _, u := range uses {
		if err := conflict(u, limited, written); err != nil {
			return err
		}
	}
	return nil
}

func conflict(u Use, limited, written map[storage.Path]Use) error {
	path, _ := storage.ParsePath(strings.TrimLeft(u.Home, "/")) // it was parsed before
	other, ok := limited[path]
	if ok && other.Quota != u.Quota && (u.Write || u.Quota.limits()) {
		return fmt.Errorf("%w: %s and %s have the home %q, with different quotas", ErrNested, u.Who, other.Who, u.Home)
	}
	for path != storage.Root {
		path = path.Dir()
		inner, outer := u, limited[path]
		if !u.Write || !outer.Quota.limits() {
			outer = written[path]
		}
		if u.Write && outer.Quota.limits() || u.Quota.limits() && outer.Write {
			return fmt.Errorf("%w: the home of %s, %q, lies in that of %s, %q, and what is changed there by the one would not count for the other",
				ErrNested, inner.Who, inner.Home, outer.Who, outer.Home)
		}
	}
	return nil
}
