package client

// openLimits are how many of each a tree has open at once, so that the descriptors
// of this process suffice.
type openLimits struct {
	files   int // at work one by one, and as many of up to bulkWorkers in bulk
	walkers int // directories that are read
	dirs    int // directories that stay open though nobody uses them
}

// descriptors that one of each takes: a directory has two, one for package os and one
// for the system's own calls.
const (
	perDir    = 2
	perFile   = perDir + 1
	perWalker = perDir + 1
	others    = 8 // the standard streams, the runtime, the connection, the top of the tree
)

// openLimitsOf shares out so many descriptors. Large files have one more each for their
// journals.
func openLimitsOf(descriptors int) openLimits {
	left := descriptors - others
	l := openLimits{dirs: clamp(left/8, keepOpen), walkers: clamp(left/8, walkers)}
	left -= perDir*l.dirs + perWalker*l.walkers
	l.files = clamp(left/(2*perFile+1), defaultWorkers)
	if l.files > bulkWorkers {
		l.files = clamp((left-perFile*bulkWorkers-largeAtOnce)/perFile, defaultWorkers)
	}
	return l
}

func clamp(n, most int) int { return min(max(n, 1), most) }
