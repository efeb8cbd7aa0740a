package client

// openLimits are how many of each a tree has open at once, so that the descriptors
// of this process suffice.
type openLimits struct {
	files   int // at work, two descriptors each: the file and its directory
	walkers int // directories that are read, two each
	dirs    int // directories that stay open though nobody uses them
}

// openLimitsOf shares out so many descriptors, of which the runtime, the connections and
// the standard streams have some, and large files one more each for their journals.
func openLimitsOf(descriptors int) openLimits {
	const others = 12
	left := descriptors - others
	l := openLimits{dirs: clamp(left/8, keepOpen), walkers: clamp(left/4, walkers)}
	left -= l.dirs + min(largeAtOnce, left/4)
	l.files = clamp(left/2, defaultWorkers)
	return l
}

func clamp(n, most int) int { return min(max(n, 1), most) }
