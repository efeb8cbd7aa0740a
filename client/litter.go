package client

import (
	"io/fs"
	"math/rand/v2"
	"os"
	"regexp"
	"strconv"
	"time"
)

// A part file that is not to be gone on with is removed by who made it, unless that was
// killed. So its name has a number that tells who that was: 16 bits for the machine as
// long as it runs (or the container), 24 for the process, and 24 that are random.
// The next transfer into the same directory of a tree removes what nobody is at any more.

// unnamedPart is the name of such a part file.
var unnamedPart = regexp.MustCompile(`^\..*\.ftpc-([0-9a-f]{16})$`)

const (
	processBits = 24
	randomBits  = 24
	// forgotten is the age from which on a part file of another machine, or of one that
	// was started anew since, is nobody's.
	forgotten = 24 * time.Hour
)

func partNumber() uint64 {
	process := uint64(os.Getpid()) & (1<<processBits - 1)
	return processSpace()<<(processBits+randomBits) | process<<randomBits | rand.Uint64()>>(64-randomBits)
}

// isLitter tells whether nobody is at a part file any more.
func isLitter(number uint64, info fs.FileInfo, now time.Time) bool {
	space, process := number>>(processBits+randomBits), number>>randomBits&(1<<processBits-1)
	if space != 0 && space == processSpace() {
		return !processRuns(int(process))
	}
	return now.Sub(info.ModTime()) > forgotten
}

// sweepParts removes the litter in a directory. What cannot be removed stays.
func sweepParts(root *os.Root) {
	f, err := root.Open(".")
	if err != nil {
		return
	}
	defer func() { _ = f.Close() }() // it was only read
	for err == nil {
		var names []string
		names, err = f.Readdirnames(readDirBatch)
		for _, name := range names {
			found := unnamedPart.FindStringSubmatch(name)
			if found == nil {
				continue
			}
			number, _ := strconv.ParseUint(found[1], 16, 64) // the pattern lets no other through
			if info, err := root.Lstat(name); err == nil && isOurs(info) && isLitter(number, info, time.Now()) {
				_ = root.Remove(name)
			}
		}
	}
}
