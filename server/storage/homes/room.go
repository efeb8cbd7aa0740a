//go:build unix

package homes

import (
	"fmt"

	"ftpd/server/storage"
	"ftpd/server/storage/local"
)

// room tells whether a reservation can be made. What is stored, and what is to be, has to be
// within the quota; the disk may hold as much again for a while, of files that are to replace
// others. What takes no more than before is never refused, even where an administrator has
// made the quota less. Called with a.mu held.
func (a *account) room(held, lent local.Amount) error {
	more := held.Minus(lent)
	used := a.stored.Plus(a.held).Minus(a.lent)
	// Differences, for a size may be near the largest number.
	if q := a.quota.Files; q > 0 && more.Files > 0 && more.Files > q-used.Files {
		return a.refuseFiles()
	}
	q := a.quota.Bytes
	switch {
	case q <= 0:
	case more.Bytes > 0 && more.Bytes > q-used.Bytes:
		return a.refuseBytes(more.Bytes, a.held.Bytes-a.lent.Bytes)
	case held.Bytes > 0 && held.Bytes > q-(a.stored.Bytes-q+a.held.Bytes):
		return a.refuseBytes(held.Bytes, a.held.Bytes)
	}
	return nil
}

func (a *account) refuseFiles() error {
	return fmt.Errorf("%w: %d of %d files and directories are stored%s", storage.ErrQuota,
		a.stored.Files, a.quota.Files, coming(a.held.Files-a.lent.Files, fmt.Sprint))
}

func (a *account) refuseBytes(wanted, held int64) error {
	units := unitsOf(a.quota.Bytes)
	return fmt.Errorf("%w: %s of %s are stored%s, and this takes %s more", storage.ErrQuota,
		units.size(a.stored.Bytes), units.size(a.quota.Bytes), coming(held, func(n ...any) string { return units.size(n[0].(int64)) }), units.size(wanted))
}

// coming tells of what is in the making.
func coming(held int64, format func(...any) string) string {
	if held <= 0 {
		return ""
	}
	return ", " + format(held) + " more are on their way"
}

// units are names of numbers of bytes, each so many times the one before.
type units struct {
	names []string
	step  int64
}

var (
	decimal = units{[]string{"KB", "MB", "GB", "TB", "PB", "EB"}, 1000}
	binary  = units{[]string{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}, 1024}
)

// unitsOf returns the units in which a quota is a round number, as it was given.
func unitsOf(quota int64) units {
	if quota%binary.step == 0 && quota%decimal.step != 0 {
		return binary
	}
	return decimal
}

// size returns a number of bytes for people. It is rounded down, so that what is nearly used
// up does not look like it were.
func (u units) size(n int64) string {
	if n < u.step {
		return fmt.Sprintf("%d bytes", n)
	}
	scale, unit := u.step, 0
	for n/scale >= u.step && unit < len(u.names)-1 {
		scale *= u.step
		unit++
	}
	if n%scale == 0 {
		return fmt.Sprintf("%d %s", n/scale, u.names[unit])
	}
	hundredths := n % scale / (scale / u.step) * 100 / u.step
	return fmt.Sprintf("%d.%02d %s", n/scale, hundredths, u.names[unit])
}
